// A session with ethers 6, over HTTP and over its WebSocket provider.
import { Contract, ContractFactory, JsonRpcProvider, NonceManager, Wallet, WebSocketProvider, getBytes } from "ethers";
import { FEES, GWEI, SLOT_0, fails, refused, step, told, until } from "./steps.mjs";

const provider = new JsonRpcProvider(told.url, undefined, { pollingInterval: 50, cacheTimeout: -1 });
const [alice, bob, carol, delegator] = told.keys.map((key) => new Wallet(key, provider));
const reverted = (error) => ({
  code: error.code, reason: error.reason, data: error.data, revert: error.revert && [error.revert.name, [...error.revert.args]],
});
const receiptOf = async (sent) => (await sent.wait()).toJSON();
const transactionOf = async (hash) => (await provider.getTransaction(hash)).toJSON();

step("chain", [(await provider.getNetwork()).toJSON(), await provider.getBlockNumber()]);
step("balance", await provider.getBalance(alice.address));
const fees = await provider.getFeeData();
step("suggested fees", fees.gasPrice > 0n && fees.maxFeePerGas > fees.maxPriorityFeePerGas);

const factory = new ContractFactory(told.abi, told.bytecode, alice);
const deployed = await factory.deploy(7, { ...FEES, gasLimit: 500_000, value: 5 });
await deployed.waitForDeployment();
const address = await deployed.getAddress();
step("deployed", [address, await receiptOf(deployed.deploymentTransaction())]);
step("code", await deployed.getDeployedCode());
const probe = new Contract(address, told.abi, alice);
step("call", await probe.number());
step("a call that would write", await probe.store.staticCall(11, "x"));
step("estimate", await probe.connect(bob).store.estimateGas(11, "x"));

const stored = await probe.store(21, "hello", { ...FEES, gasLimit: 200_000 });
const receipt = await stored.wait();
step("stored", receipt.toJSON());
step("events", receipt.logs.map((log) => [log.fragment.name, [...log.args]]));
step("transaction", await transactionOf(stored.hash));
step("query", (await probe.queryFilter("Stored", 0)).map((log) => [log.blockNumber, log.index, [...log.args]]));
step("query by topic", (await probe.queryFilter(probe.filters.Stored(bob.address), 0)).length);
step("logs", await provider.getLogs({ address, fromBlock: 0 }));
step("block", (await provider.getBlock("latest")).toJSON());
step("block in full", (await provider.getBlock(2, true)).prefetchedTransactions.map((one) => one.toJSON()));
step("storage", await provider.getStorage(address, 0));
step("the past", await probe.number({ blockTag: 1 }));
step("nonces", [await provider.getTransactionCount(alice.address), await provider.getTransactionCount(alice.address, "pending")]);

await fails("reason", () => probe.refuse("because"), reverted);
await fails("custom error", () => probe.store.staticCall(3, ""), reverted);
await fails("panic", () => probe.overflow(3), reverted);
await fails("estimate of a failure", () => probe.store.estimateGas(3, ""), reverted);
await fails("no such function", () => provider.call({ to: address, data: "0x12345678" }), reverted);
await refused("insufficient funds", () => alice.sendTransaction({ to: bob.address, value: 10n ** 30n, gasLimit: 21_000, ...FEES }));
await refused("nonce", () => alice.sendTransaction({ to: bob.address, nonce: 0, gasLimit: 21_000, ...FEES }));
const failing = await probe.refuse.populateTransaction("no");
const failed = await alice.sendTransaction({ ...failing, ...FEES, gasLimit: 100_000 });
await fails("a failed transaction", () => failed.wait(), (error) => ({ code: error.code, receipt: error.receipt.toJSON() }));

for (const [name, fields] of [
  ["legacy", { type: 0, gasPrice: 5n * GWEI }],
  ["access list", { type: 1, gasPrice: 5n * GWEI, accessList: [{ address, storageKeys: [SLOT_0] }] }],
]) {
  const sent = await bob.sendTransaction({ ...fields, to: carol.address, value: 1, gasLimit: 30_000 });
  step(name, [await receiptOf(sent), await transactionOf(sent.hash)]);
}

// The library that ethers asks for a sidecar's parts: here one that knows this one blob.
const kzg = { blobToKzgCommitment: () => getBytes(told.commitments[0]), computeBlobKzgProof: () => getBytes(told.proofs[0]) };
const blobs = { type: 3, to: address, gasLimit: 100_000, maxFeePerBlobGas: GWEI, ...FEES };
const withCells = { data: told.blobs[0], commitment: told.commitments[0], proof: told.cell_proofs[0] };
const cells = await carol.sendTransaction({ ...blobs, blobWrapperVersion: 1, blobs: [withCells] });
step("blobs with cell proofs", [await receiptOf(cells), await transactionOf(cells.hash)]);
const whole = await carol.sendTransaction({ ...blobs, kzg, blobs: [told.blobs[0]] });
step("blobs with whole proofs", [await receiptOf(whole), await transactionOf(whole.hash)]);

const authorization = await delegator.authorize({ address, nonce: 0, chainId: 31337 });
const data = probe.interface.encodeFunctionData("store", [99, "as me"]);
const delegated = await carol.sendTransaction({ type: 4, to: delegator.address, data, gasLimit: 200_000, authorizationList: [authorization], ...FEES });
step("delegated", [await receiptOf(delegated), await transactionOf(delegated.hash)]);
step("delegated code", await provider.getCode(delegator.address));

const unlocked = await provider.getSigner(5);
step("unlocked", await receiptOf(await unlocked.sendTransaction({ to: bob.address, value: 3, gasLimit: 30_000, ...FEES })));
step("signed", [await unlocked.signMessage("hello"), await unlocked._legacySignMessage("hello")]);
const types = { Mail: [{ name: "text", type: "string" }] };
step("typed", await unlocked.signTypedData({ name: "Test", chainId: 31337 }, types, { text: "hello" }));
const many = new NonceManager(bob);
const burst = await Promise.all([1, 2, 3, 4].map((value) => many.sendTransaction({ to: carol.address, value, gasLimit: 21_000, ...FEES })));
step("a burst", (await Promise.all(burst.map((one) => one.wait()))).map((one) => [one.status, one.gasUsed]));

const pushed = new WebSocketProvider(told.websocket);
const heads = [], events = [], pendings = [];
await pushed.on("block", (number) => heads.push(number));
await pushed.on("pending", (hash) => pendings.push(hash));
const listening = new Contract(address, told.abi, pushed);
await listening.on("Stored", (who, number, text, event) => events.push([who, number, text, event.log.index]));
await until(() => pushed.send("eth_blockNumber", []).then(() => true)); // what was asked for before is in force
const before = await pushed.getBlockNumber();
const announced = await probe.store(31, "pushed", { ...FEES, gasLimit: 200_000 });
await until(() => heads.some((number) => number > before) && events.length && pendings.length);
await announced.wait();
step("pushed", [events, pendings.includes(announced.hash)]);
await pushed.destroy();
provider.destroy();

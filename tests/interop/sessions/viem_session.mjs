// A session with viem: public, wallet and test clients, over HTTP and over WebSocket.
import { createPublicClient, createTestClient, createWalletClient, decodeEventLog, defineChain, encodeFunctionData, hexToBytes, http, webSocket } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { FEES, GWEI, SLOT_0, fails, refused, step, told, until } from "./steps.mjs";

const chain = defineChain({ id: 31337, name: "dev", nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 }, rpcUrls: { default: { http: [told.url] } } });
const common = { chain, transport: http(told.url, { timeout: 90_000 }), pollingInterval: 20, cacheTime: 0 };
const reader = createPublicClient(common);
const wallet = createWalletClient(common);
const lever = createTestClient({ ...common, mode: "anvil" });
const [alice, bob, carol, delegator] = told.keys.map((key) => privateKeyToAccount(key));
const { abi } = told;
const causes = (error) => {
  const all = [];
  for (let one = error; one; one = one.cause) all.push([one.reason ?? null, one.data?.errorName ?? null, one.data?.args ?? null, one.signature ?? null]);
  return all.filter((one) => one.some((part) => part !== null));
};
const receiptOf = (hash) => reader.waitForTransactionReceipt({ hash });
const both = async (hash) => [await receiptOf(hash), await reader.getTransaction({ hash })];

step("chain", [await reader.getChainId(), await reader.getBlockNumber()]);
const suggested = await reader.estimateFeesPerGas();
step("suggested fees", suggested.maxFeePerGas > suggested.maxPriorityFeePerGas);
step("blob fee", await reader.getBlobBaseFee());

const creation = await wallet.deployContract({ account: alice, abi, bytecode: told.bytecode, args: [7n], gas: 500_000n, value: 5n, ...FEES });
const created = await receiptOf(creation);
const address = created.contractAddress;
step("deployed", created);
const probe = { address, abi };
step("code", await reader.getCode({ address }));
step("call", await reader.readContract({ ...probe, functionName: "number" }));
step("simulated", (await reader.simulateContract({ ...probe, functionName: "store", args: [11n, "x"], account: bob })).result);
step("estimate", await reader.estimateContractGas({ ...probe, functionName: "store", args: [11n, "x"], account: bob }));

const logFilter = await reader.createContractEventFilter({ ...probe, eventName: "Stored" });
const blockFilter = await reader.createBlockFilter();
const pendingFilter = await reader.createPendingTransactionFilter();
const store = (value, text) => wallet.writeContract({ ...probe, functionName: "store", args: [value, text], account: alice, gas: 200_000n, ...FEES });
const stored = await store(21n, "hello");
const receipt = await receiptOf(stored);
step("stored", receipt);
step("event", decodeEventLog({ abi, ...receipt.logs[0] }));
step("log filter", await reader.getFilterChanges({ filter: logFilter }));
step("log filter again", await reader.getFilterChanges({ filter: logFilter }));
step("all of the filter", await reader.getFilterLogs({ filter: logFilter }));
step("block filter", (await reader.getFilterChanges({ filter: blockFilter })).length);
step("pending filter", await reader.getFilterChanges({ filter: pendingFilter }));
step("filter ended", [await reader.uninstallFilter({ filter: logFilter }), await reader.uninstallFilter({ filter: logFilter })]);
step("logs", await reader.getContractEvents({ ...probe, eventName: "Stored", fromBlock: 0n }));
step("no logs", await reader.getContractEvents({ ...probe, eventName: "Stored", args: { number: 22n }, fromBlock: 0n }));
step("transaction", await reader.getTransaction({ hash: stored }));
step("by index", await reader.getTransaction({ blockNumber: 2n, index: 0 }));
step("block", await reader.getBlock());
step("block in full", await reader.getBlock({ blockNumber: 2n, includeTransactions: true }));
step("count", await reader.getBlockTransactionCount({ blockNumber: 2n }));
step("storage", await reader.getStorageAt({ address, slot: SLOT_0 }));
step("the past", await reader.readContract({ ...probe, functionName: "number", blockNumber: 1n }));
step("confirmations", await reader.getTransactionConfirmations({ hash: stored }));

for (const [name, functionName, args] of [["reason", "refuse", ["because"]], ["custom error", "store", [3n, ""]], ["panic", "overflow", [3n]]]) {
  await fails(name, () => reader.simulateContract({ ...probe, functionName, args, account: bob }), causes);
}
await fails("estimate of a failure", () => reader.estimateContractGas({ ...probe, functionName: "store", args: [3n, ""], account: bob }), causes);
await refused("insufficient funds", () => wallet.sendTransaction({ account: alice, to: bob.address, value: 10n ** 30n, gas: 21_000n, ...FEES }));
await refused("nonce", () => wallet.sendTransaction({ account: alice, to: bob.address, nonce: 0, gas: 21_000n, ...FEES }));
const failing = encodeFunctionData({ abi, functionName: "refuse", args: ["no"] });
step("a failed transaction", await receiptOf(await wallet.sendTransaction({ account: alice, to: address, data: failing, gas: 100_000n, ...FEES })));
step("multicall at one state", await reader.call({ to: bob.address, stateOverride: [{ address: bob.address, code: "0x602a60005260206000f3" }] }));

const plain = { account: bob, to: carol.address, value: 1n, gas: 30_000n, gasPrice: 5n * GWEI };
step("legacy", await both(await wallet.sendTransaction({ ...plain, type: "legacy" })));
step("access list", await both(await wallet.sendTransaction({ ...plain, type: "eip2930", accessList: [{ address, storageKeys: [SLOT_0] }] })));

// The library that viem asks for a sidecar's parts: here one that knows this one blob.
const kzg = { blobToKzgCommitment: () => hexToBytes(told.commitments[0]), computeBlobKzgProof: () => hexToBytes(told.proofs[0]) };
step("blobs", await both(await wallet.sendTransaction({ account: carol, to: address, gas: 100_000n, blobs: told.blobs, kzg, maxFeePerBlobGas: GWEI, ...FEES })));

const authorization = await wallet.signAuthorization({ account: delegator, contractAddress: address });
const data = encodeFunctionData({ abi, functionName: "store", args: [99n, "as me"] });
step("delegated", await both(await wallet.sendTransaction({ account: carol, to: delegator.address, data, gas: 200_000n, authorizationList: [authorization], ...FEES })));
step("delegated code", await reader.getCode({ address: delegator.address }));

step("fee history", await reader.getFeeHistory({ blockCount: 4, rewardPercentiles: [25, 75] }));
const proof = await reader.getProof({ address, storageKeys: [SLOT_0] });
step("proof", { storage: proof.storageProof, root: proof.storageHash, code: proof.codeHash, nonce: proof.nonce, balance: proof.balance });
step("accounts", await wallet.getAddresses());
const unlocked = (await wallet.getAddresses())[5];
step("unlocked", await receiptOf(await wallet.sendTransaction({ account: unlocked, to: bob.address, value: 3n, gas: 30_000n, ...FEES })));
step("signed", await wallet.signMessage({ account: unlocked, message: "hello" }));
const typed = { domain: { name: "Test", chainId: 31337 }, types: { Mail: [{ name: "text", type: "string" }] }, primaryType: "Mail", message: { text: "hello" } };
step("typed", await wallet.signTypedData({ account: unlocked, ...typed }));

const snapshot = await lever.snapshot();
await lever.setBalance({ address: bob.address, value: 5n });
await lever.setNonce({ address: bob.address, nonce: 70 });
await lever.setCode({ address: carol.address, bytecode: "0x602a60005260206000f3" });
await lever.setStorageAt({ address, index: 0, value: "0x" + "00".repeat(31) + "09" });
step("written", [await reader.getBalance(bob), await reader.getTransactionCount(bob), await reader.getCode(carol), await reader.readContract({ ...probe, functionName: "number" })]);
await lever.impersonateAccount({ address });
await lever.setBalance({ address, value: 10n ** 18n });
step("impersonated contract", await receiptOf(await wallet.sendTransaction({ account: address, to: delegator.address, value: 3n, gas: 50_000n, ...FEES })));
await lever.stopImpersonatingAccount({ address });
await lever.increaseTime({ seconds: 1000 });
const early = await reader.getBlock();
await lever.mine({ blocks: 3, interval: 7 });
const late = await reader.getBlock();
step("mined", [late.number, late.timestamp - early.timestamp >= 1014n]);
await lever.setAutomine(false);
step("automine", await lever.getAutomine());
const waiting = await wallet.sendTransaction({ account: alice, to: bob.address, value: 1n, gas: 21_000n, ...FEES });
step("waiting", [await reader.getTransactionCount({ ...alice, blockTag: "pending" }) - await reader.getTransactionCount(alice), (await lever.getTxpoolStatus()).pending]);
await lever.dropTransaction({ hash: waiting });
step("dropped", await lever.getTxpoolStatus());
await lever.setAutomine(true);
await lever.revert({ id: snapshot });
step("reverted", [await reader.getTransactionCount(bob), await reader.getCode(carol), await reader.readContract({ ...probe, functionName: "number" })]);

const pushed = createPublicClient({ chain, transport: webSocket(told.websocket, { reconnect: false }) });
const heads = [], events = [];
const ends = [pushed.watchBlocks({ onBlock: (block) => heads.push(block.number) }), pushed.watchContractEvent({ ...probe, onLogs: (logs) => events.push(...logs) })];
await until(async () => { await lever.mine({ blocks: 1 }); return heads.length; }); // the subscriptions are in force
await store(31n, "pushed");
await until(() => events.length);
step("pushed", events.map((log) => [log.eventName, log.args]));
for (const end of ends) end();
process.exit(0); // anvil keeps the connection open

// A user of a rollup with ethers 6: what L1 has sent, a payment and a contract, to the wei.
import { ContractFactory, JsonRpcProvider, Wallet } from "ethers";
import { step, told } from "./steps.mjs";

const provider = new JsonRpcProvider(told.url, undefined, { pollingInterval: 50, cacheTimeout: -1 });
const alice = new Wallet(told.keys[6], provider);

const item = await provider.getTransaction(told.deposit);
const arrived = await provider.getTransactionReceipt(told.deposit);
step("deposit", [item.type, item.hash, item.from.toLowerCase(), item.to.toLowerCase(), arrived.status, arrived.fee.toString()]);
const block = await provider.getBlock(arrived.blockNumber, true);
step("its block", block.prefetchedTransactions.some((one) => one.hash === told.deposit));

const before = await provider.getBalance(alice.address);
const sent = await alice.sendTransaction({ to: "0x" + "ce".repeat(20), value: 12345n });
const receipt = await sent.wait();
const after = await provider.getBalance(alice.address);
step("paid to the wei", before - after === 12345n + receipt.gasUsed * receipt.gasPrice);

const deployed = await new ContractFactory(told.abi, told.bytecode, alice).deploy(7, { value: 5 });
await deployed.waitForDeployment();
step("call", await deployed.number());
const stored = await (await deployed.store(21, "hello")).wait();
step("event", stored.logs.map((log) => log.fragment.name));

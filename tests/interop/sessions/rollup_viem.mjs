// The same with viem.
import { createPublicClient, createWalletClient, decodeEventLog, defineChain, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { step, told } from "./steps.mjs";

const chain = defineChain({ id: told.chain_id, name: "rollup", nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 }, rpcUrls: { default: { http: [told.url] } } });
const common = { chain, transport: http(told.url), pollingInterval: 20, cacheTime: 0 };
const reader = createPublicClient(common);
const alice = privateKeyToAccount(told.keys[7]);
const wallet = createWalletClient({ ...common, account: alice });

const item = await reader.getTransaction({ hash: told.deposit });
const arrived = await reader.getTransactionReceipt({ hash: told.deposit });
step("deposit", [Number(item.typeHex), item.hash, item.from.toLowerCase(), item.to.toLowerCase(), arrived.status === "success" ? 1 : 0, (arrived.gasUsed * arrived.effectiveGasPrice).toString()]);
const block = await reader.getBlock({ blockNumber: arrived.blockNumber, includeTransactions: true });
step("its block", block.transactions.some((one) => one.hash === told.deposit));

const before = await reader.getBalance({ address: alice.address });
const sent = await wallet.sendTransaction({ to: "0x" + "ce".repeat(20), value: 12345n });
const receipt = await reader.waitForTransactionReceipt({ hash: sent });
const after = await reader.getBalance({ address: alice.address });
step("paid to the wei", before - after === 12345n + receipt.gasUsed * receipt.effectiveGasPrice);

const creation = await wallet.deployContract({ abi: told.abi, bytecode: told.bytecode, args: [7n], value: 5n });
const { contractAddress: address } = await reader.waitForTransactionReceipt({ hash: creation });
step("call", await reader.readContract({ address, abi: told.abi, functionName: "number" }));
const write = await wallet.writeContract({ address, abi: told.abi, functionName: "store", args: [21n, "hello"] });
const stored = await reader.waitForTransactionReceipt({ hash: write });
step("event", stored.logs.map((log) => decodeEventLog({ abi: told.abi, ...log }).eventName));

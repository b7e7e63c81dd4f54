// What the sessions of the JavaScript clients share: their input, and how a step is printed.
import { readFileSync } from "node:fs";

export const told = JSON.parse(readFileSync(process.argv[2], "utf8"));
export const GWEI = 1_000_000_000n;
export const FEES = { maxFeePerGas: 10n * GWEI, maxPriorityFeePerGas: GWEI };
export const SLOT_0 = "0x" + "00".repeat(32);

const plain = (_, value) =>
  typeof value === "bigint" ? value.toString() : value instanceof Uint8Array ? "0x" + Buffer.from(value).toString("hex") : value;

export function step(name, answer) {
  console.log(JSON.stringify({ step: name, answer: answer === undefined ? null : answer }, plain));
}

// The step's answer is how the call fails, as `shown` picks it from the client's error.
export async function fails(name, call, shown) {
  try {
    step(name, { result: await call() });
  } catch (error) {
    step(name, shown(error));
  }
}

// Nodes word their refusals as they like; these words are what tools look for.
export async function refused(words, call) {
  try {
    await call();
    step(words, "not refused");
  } catch (error) {
    step(words, JSON.stringify(error, plain).toLowerCase().includes(words) || String(error).toLowerCase().includes(words));
  }
}

export async function until(condition) {
  const end = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error("waited 20 s for nothing");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

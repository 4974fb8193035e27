/** Microseconds by a steady clock that all processes of one machine share. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

export async function pauseMs(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

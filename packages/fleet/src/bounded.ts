// Many things at once, but not all.

/** Does `what` with each, `atOnce` of them at a time; rejects with the first that fails. */
export async function inParallel<T>(items: readonly T[], atOnce: number, what: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, async () => { for (const item of rest) await what(item); }));
}

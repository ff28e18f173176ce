// Many things at once, but not all.

/** Does `what` with each, `atOnce` of them at a time. After one that fails no other is begun; rejects with that, when those that were under way are over. */
export async function inParallel<T>(items: readonly T[], atOnce: number, what: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  let failure: { readonly cause: unknown } | null = null;
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, async () => {
    for (const item of rest) {
      await what(item).catch((cause: unknown) => { failure ??= { cause }; });
      if (failure) return;
    }
  }));
  if (failure) throw (failure as { readonly cause: unknown }).cause;
}

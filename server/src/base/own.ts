/** What a record itself holds under a name that somebody chose: `constructor` is in none by inheritance. */
export function own<V>(
  record: Readonly<Record<string, V>> | undefined,
  name: string,
): V | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined
}

/** Whether an address is reached from this machine only (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3). */
export function isLoopback(host: string): boolean {
  const plain = host.replace(/^\[|\]$/g, '').toLowerCase()
  if (plain === 'localhost' || plain === '::1') return true
  const v4 = plain.startsWith('::ffff:') ? plain.slice(7) : plain
  return /^127(\.\d{1,3}){3}$/.test(v4)
}

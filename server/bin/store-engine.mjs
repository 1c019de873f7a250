// The store's child process: loads the ClickHouse engine and becomes `clickhouse local` until its
// standard input ends. Plain JavaScript outside `src`, so that the same file serves the compiled
// server and tests that run from source. Started by src/store/engine-process.ts with
//   node store-engine.mjs LIBRARY DATA_DIR PORT CONFIG QUERY
// None of these is secret: keys and passwords stand in CONFIG, which only its owner can read.
import { constants, openSync, closeSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { dirname } from 'node:path'
import { DataType, load, open } from 'ffi-rs'

const [library, dataDir, port, config, query, parentPid] = process.argv.slice(2)
const { I32, I64, U8Array, StringArray, External } = DataType

giveWay()
if (process.platform === 'linux') {
  open({ library: 'c', path: 'libc.so.6' })
  dieWithParent()
  // The parent reads this line and warns; the engine runs all the same.
  if (!fence()) process.stderr.write('picket-store: no landlock\n')
}
open({ library: 'engine', path: library })
// The first argument is the program's name; the engine skips it.
const argv = [
  'clickhouse-local',
  `--config-file=${config}`,
  `--path=${dataDir}`,
  `--query=${query}`,
]
load({
  library: 'engine',
  funcName: 'chdb_query_cmdline',
  retType: External,
  paramsType: [I32, StringArray],
  paramsValue: [argv.length, argv],
})
process.exit(0)

/** Merges and searches can wait; detection, in our parent, cannot. The engine's threads inherit it. */
function giveWay() {
  try {
    setPriority(Math.min(19, getPriority() + 5))
  } catch {
    // Where it is not allowed all have the same turn.
  }
}

/** prctl(PR_SET_PDEATHSIG, SIGKILL): no orphan is left when the parent is killed. */
function dieWithParent() {
  callC('prctl', [I32, I64, I64, I64, I64], [1, 9, 0, 0, 0])
  if (process.ppid !== Number(parentPid)) process.exit(1)
}

/**
 * Landlock (kernel 5.13+, https://docs.kernel.org/userspace-api/landlock.html): this process and
 * its threads may write only below DATA_DIR, read only that and what a program needs to run, open
 * no connection, and listen on PORT alone. So whatever a query tricks the engine into, keys, state
 * and TLS files stay out of reach. Returns false where the kernel cannot.
 */
function fence() {
  const version = syscall(444, null, 0, 1)
  if (version < 1) return false
  const read = 0xcn // READ_FILE, READ_DIR
  const execute = 0x1n
  // Bits 0-12 exist from version 1; REFER (2), TRUNCATE (3) and IOCTL_DEV (5) came later.
  let all = (1n << 13n) - 1n
  if (version >= 2) all |= 1n << 13n
  if (version >= 3) all |= 1n << 14n
  if (version >= 5) all |= 1n << 15n
  const net = version >= 4 ? 3n : 0n
  // Abstract UNIX sockets and signals to processes outside (version 6).
  const scope = version >= 6 ? 3n : 0n
  const size = version >= 6 ? 24 : version >= 4 ? 16 : 8
  const ruleset = syscall(444, words(all, net, scope).subarray(0, size), size, 0)
  if (ruleset < 0) return false
  for (const path of ['/lib', '/lib64', '/usr/lib', '/proc', '/sys', dirname(library)]) {
    allow(ruleset, path, read | execute)
  }
  for (const path of ['/dev/null', '/dev/zero', '/dev/urandom', '/dev/random']) {
    allow(ruleset, path, 0x4n | 0x2n)
  }
  allow(ruleset, dataDir, all & ~execute)
  if (net !== 0n) syscall(445, ruleset, 2, words(1n, BigInt(port)), 0)
  callC('prctl', [I32, I64, I64, I64, I64], [38, 1, 0, 0, 0]) // PR_SET_NO_NEW_PRIVS
  return syscall(446, ruleset, 0) === 0
}

/** struct landlock_path_beneath_attr is packed: u64 of rights, s32 of an open directory. */
function allow(ruleset, path, rights) {
  let fd
  try {
    fd = openSync(path, constants.O_RDONLY)
  } catch {
    return
  }
  const attribute = Buffer.alloc(12)
  attribute.writeBigUInt64LE(rights, 0)
  attribute.writeInt32LE(fd, 8)
  syscall(445, ruleset, 1, attribute, 0)
  closeSync(fd)
}

function words(...values) {
  const buffer = Buffer.alloc(values.length * 8)
  for (const [index, value] of values.entries()) buffer.writeBigUInt64LE(value, index * 8)
  return buffer
}

/** The libc function `syscall`; a Buffer is passed as its address. */
function syscall(number, ...args) {
  const kinds = args.map((arg) => (Buffer.isBuffer(arg) ? U8Array : I64))
  return callC('syscall', [I64, ...kinds], [number, ...args.map((arg) => arg ?? 0)], I64)
}

function callC(name, paramsType, paramsValue, retType = I32) {
  return load({ library: 'c', funcName: name, retType, paramsType, paramsValue })
}

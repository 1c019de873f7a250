import ipaddr from 'ipaddr.js'

const V4_BITS = 32
const V6_BITS = 128

/** An address as numbers of 32 bits: one for IPv4 (also for IPv4 mapped into IPv6), four for IPv6. */
type Words = readonly number[]

interface BitTree {
  /** Two children a node; 0: none. */
  readonly slots: number[]
  /** What was added at a node. */
  readonly numbers: number[][]
}

/** Networks as a binary tree over the bits of addresses; a look-up passes every network around it. */
export class Networks {
  readonly #v4: BitTree = { slots: [0, 0], numbers: [] }
  readonly #v6: BitTree = { slots: [0, 0], numbers: [] }

  /** Adds a network in CIDR form under a number. */
  add(network: string, number: number): void {
    const [base = '', bits = ''] = network.split('/')
    const words = wordsOf(base)
    if (words === undefined) return
    const mapped = words.length === 1 && base.includes(':')
    const length = Number(bits) - (mapped ? V6_BITS - V4_BITS : 0)
    const { slots, numbers } = words.length === 1 ? this.#v4 : this.#v6
    let node = 0
    for (let bit = 0; bit < length; bit++) {
      const slot = node + bitOf(words, bit)
      if (slots[slot] === 0) {
        slots[slot] = slots.length
        slots.push(0, 0)
      }
      node = slots[slot] ?? 0
    }
    const here = (numbers[node >> 1] ??= [])
    here.push(number)
  }

  /** Calls back with the number of every network that the address is in. */
  find(text: string, onFound: (number: number) => void): void {
    const v4 = v4Of(text)
    if (v4 >= 0) this.#findV4(v4, onFound)
    else if (text.length <= ADDRESS_CHARS_MAX) {
      const words = wordsOf(text)
      if (words?.length === 1) this.#findV4(words[0]!, onFound)
      else if (words !== undefined) this.#findV6(words, onFound)
    }
  }

  #findV4(address: number, onFound: (number: number) => void): void {
    const { slots, numbers } = this.#v4
    let node = 0
    for (let bit = 0; ; bit++) {
      const here = numbers[node >> 1]
      if (here !== undefined) for (const number of here) onFound(number)
      if (bit === V4_BITS) return
      node = slots[node + ((address >>> (31 - bit)) & 1)]!
      if (node === 0) return
    }
  }

  #findV6(words: Words, onFound: (number: number) => void): void {
    const { slots, numbers } = this.#v6
    let node = 0
    for (let bit = 0; ; bit++) {
      const here = numbers[node >> 1]
      if (here !== undefined) for (const number of here) onFound(number)
      if (bit === V6_BITS) return
      node = slots[node + bitOf(words, bit)]!
      if (node === 0) return
    }
  }
}

function bitOf(words: Words, bit: number): number {
  return ((words[bit >>> 5] ?? 0) >>> (31 - (bit & 31))) & 1
}

const ADDRESS_CHARS_MAX = 80

function wordsOf(text: string): Words | undefined {
  if (text.length < 2 || text.length > ADDRESS_CHARS_MAX) return undefined
  const zone = text.indexOf('%')
  const bare = zone < 0 ? text : text.slice(0, zone)
  const v4 = v4Of(bare)
  if (v4 >= 0) return [v4]
  if (!bare.includes(':') || !ipaddr.IPv6.isValid(bare)) return undefined
  const parts = ipaddr.IPv6.parse(bare).parts
  const words: number[] = []
  for (let at = 0; at < 8; at += 2) words.push((parts[at] ?? 0) * 0x10000 + (parts[at + 1] ?? 0))
  const isMapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff
  return isMapped ? [words[3] ?? 0] : words
}

/** Four decimal parts without leading zeros; -1 for anything else. */
function v4Of(text: string): number {
  let value = 0
  let part = -1
  let parts = 0
  for (let at = 0; at <= text.length; at++) {
    const unit = at === text.length ? 46 : text.charCodeAt(at)
    if (unit === 46) {
      if (part < 0 || parts === 4) return -1
      value = value * 256 + part
      parts++
      part = -1
    } else if (unit < 48 || unit > 57 || part === 0) return -1
    else {
      part = (part < 0 ? 0 : part * 10) + unit - 48
      if (part > 255) return -1
    }
  }
  return parts === 4 ? value : -1
}

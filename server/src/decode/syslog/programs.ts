import { ANEW } from '../../base/anew.ts'
import type { Decoder, DecodeSink } from '../../model/decoder.ts'
import { readFilterlog } from '../firewall/filterlog.ts'
import { iptables } from '../firewall/iptables.ts'
import { LineDecoder } from '../line/line-decoder.ts'
import { bind } from '../names/bind.ts'
import { dhcpd } from '../names/dhcpd.ts'
import { dnsmasq } from '../names/dnsmasq.ts'
import { kea } from '../names/kea.ts'
import { unbound } from '../names/unbound.ts'

const PACKET = /(?:^|[\s\]:])IN=\S* OUT=/

/** Programs that have a decoder of their own, by the tag of their lines in a mixed log. */
export class OwnDecoders {
  readonly #byName: ReadonlyMap<string, Decoder>
  readonly #packets: Decoder

  constructor(options: Readonly<Record<string, unknown>>) {
    const filterlog = new LineDecoder((message, frame, out) => {
      readFilterlog(message, frame, out, () => out.routine('other-program'))
    }, options)
    const leases = kea.create(options)
    const names = dnsmasq.create(options)
    this.#packets = iptables.create(options)
    this.#byName = new Map<string, Decoder>([
      ['dhcpd', dhcpd.create(options)],
      ['named', bind.create(options)],
      ['unbound', unbound.create(options)],
      ['filterlog', filterlog],
      ...['kea', 'kea-dhcp4', 'kea-dhcp6', 'kea-dhcp-ddns', 'kea-ctrl-agent'].map(
        (name) => [name, leases] as const,
      ),
      ...['dnsmasq', 'dnsmasq-dhcp', 'dnsmasq-tftp', 'dnsmasq-script', 'pihole-FTL'].map(
        (name) => [name, names] as const,
      ),
    ])
  }

  of(program: string | undefined, message: string): Decoder | undefined {
    if (program === undefined) return undefined
    if (program === 'kernel') return PACKET.test(message) ? this.#packets : undefined
    return this.#byName.get(program)
  }
}

/** Takes the events of a line over, with what its header told; a reject becomes an event as any other. */
export class Completing implements DecodeSink {
  out: DecodeSink
  complete: (doc: Readonly<Record<string, unknown>>) => Record<string, unknown>
  rejected = false

  constructor(out: DecodeSink, complete: Completing['complete']) {
    this.out = out
    this.complete = complete
  }

  event(draft: Parameters<DecodeSink['event']>[0]): void {
    this.out.event({ ...ANEW, ...draft, doc: this.complete(draft.doc) })
  }

  routine(kind: string): void {
    this.out.routine(kind)
  }

  reject(): void {
    this.rejected = true
  }
}

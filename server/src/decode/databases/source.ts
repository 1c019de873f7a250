import type { EcsDoc } from '../../model/event.ts'
import { parsePeer } from '../mosquitto/address.ts'
import { endpoint } from '../network/endpoint.ts'

/** `source` of a peer with or without its port, also `[::1]:64583`; a zero port is none. */
export function sourceOf(peer: string | undefined): EcsDoc | undefined {
  if (peer === undefined || peer === 'null' || peer === '-') return undefined
  const bracketed = /^\[([0-9a-f:.%a-z]+)\](?::(\d{1,5}))?$/i.exec(peer)
  if (bracketed !== null) {
    const port = bracketed[2] === undefined ? undefined : Number(bracketed[2])
    return endpoint({ address: bracketed[1], port })
  }
  const { address, port } = parsePeer(peer, peer.split(':').length === 2 ? 'port' : 'none')
  return endpoint({ address, port: port === 0 ? undefined : port })
}

import { z } from 'zod'

/**
 * By what a device is known. `device`: the name that a cloud or a report gives it (thing name, device
 * id of a hub); `certificate`: fingerprint, serial number or common name; `lease`: the address that a
 * DHCP server gave to its MAC address at the time of the event; `ip`: an address of its own for ever.
 */
export const IDENTIFIER_KINDS = [
  'device',
  'serial',
  'certificate',
  'client_id',
  'mac',
  'lease',
  'ip',
  'host',
  'user',
] as const
export type IdentifierKind = (typeof IDENTIFIER_KINDS)[number]

/** What an asset can be listed by; a lease is found by the MAC address. */
export const LISTED_KINDS = IDENTIFIER_KINDS.filter((kind) => kind !== 'lease')
export type ListedKind = Exclude<IdentifierKind, 'lease'>

const text = z.string().trim().min(1).max(256)
const values = z.array(text).max(32)

/** A device, and by what it is known. */
export const assetSchema = z.strictObject({
  id: text.describe('`device.id` of its events.'),
  name: text.optional().describe('For people.'),
  type: text.optional().describe('`device.type`: what sort of device, such as `thermometer`.'),
  model: text.optional().describe('`device.model.identifier`.'),
  manufacturer: text.optional().describe('`device.manufacturer`.'),
  class: text.optional().describe('`iot.device_class`: devices that behave alike.'),
  site: text.optional().describe('`iot.site`: where it stands.'),
  owner: text.optional().describe('`iot.owner`: who answers for it.'),
  criticality: z.enum(['low', 'medium', 'high', 'critical']).optional(),
  zone: text.optional().describe('`iot.zone`: part of the network, such as an IEC 62443 zone.'),
  tags: values.optional(),
  identifiers: z
    .partialRecord(z.enum(LISTED_KINDS as [ListedKind, ...ListedKind[]]), values)
    .default({})
    .describe('By what the device is known, beside its id.'),
})

export type Asset = z.output<typeof assetSchema>

/** An asset as it is kept. */
export interface KeptAsset {
  readonly asset: Asset
  /** Counts from 1. */
  readonly revision: number
  readonly changedMs: number
  /** `file`: it is that of the configuration, and goes when it is taken out of it. */
  readonly origin: 'api' | 'file'
}

import type { ListedKind } from '../model/asset.ts'

const HEX = /[^0-9a-f]/g

/** A value by which a device is known, in the one form that is compared. */
export function plainName(kind: ListedKind, value: string): string {
  switch (kind) {
    case 'mac':
      return value.toLowerCase().replace(HEX, '')
    case 'certificate': {
      // Fingerprints and serial numbers are hex with or without colons; common names are not.
      const hex = value.toLowerCase().replaceAll(/[:\s]/g, '')
      if (!/^[0-9a-f]{2,128}$/.test(hex)) return value.toLowerCase()
      // A serial number is a number: leading zeros are how some write it.
      return hex.length < 40 ? hex.replace(/^0+(?=.)/, '') : hex
    }
    case 'host':
    case 'ip':
      return value.toLowerCase()
    case 'device':
    case 'serial':
    case 'client_id':
    case 'user':
      return value
  }
}

/** Result codes of IoT Hub in words. Source: Azure IoT Hub, "Understand and resolve errors". */
const MEANINGS: Readonly<Record<string, string>> = {
  '400027': 'connection forcefully closed on a new connection of the same device',
  '401002': 'unauthorized',
  '401003': "unauthorized: a token that expired or a credential that is not the device's",
  '403002': 'quota exceeded',
  '403004': 'device queue is full',
  '403006': 'too many active file uploads',
  '404001': 'device not found',
  '404103': 'device not online',
  '404104': 'connection closed by the device',
  '409001': 'device already exists',
  '409002': 'link creation conflict: a second connection of the same device',
  '412002': 'device message lock lost',
  '429001': 'throttled',
  '500001': 'server error',
  '500008': 'generic timeout',
  '503003': 'partition not found',
  '504101': 'gateway timeout',
}

export function codeMeaning(code: string): string | undefined {
  return Object.hasOwn(MEANINGS, code) ? MEANINGS[code] : undefined
}

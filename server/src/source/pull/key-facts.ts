/** Where AWS writes its logs: `AWSLogs/[o-organization/]account/service/region/…` (each service's user guide). */
const LAYOUT =
  /(?:^|\/)AWSLogs\/(?:o-[a-z0-9]{10,32}\/)?(\d{12})(?:\/[^/]+\/([a-z]{2}(?:-[a-z]+)+-\d)(?=\/))?/

/** Account and region as a key of AWS' own layout names them. */
export function accountOf(key: string): { account?: string; region?: string } {
  const [, account, region] = LAYOUT.exec(key) ?? []
  return { ...(account !== undefined && { account }), ...(region !== undefined && { region }) }
}

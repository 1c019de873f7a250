/** The one database of ours, in the embedded engine and in a cluster alike. */
export const DATABASE = 'picket'

/** What is stored before tenants exist. It stands in every key from the first migration on. */
export const DEFAULT_TENANT = 'default'

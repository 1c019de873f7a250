import type { PullOptions } from './options.ts'

interface Issues {
  addIssue(issue: { code: 'custom'; message: string; path: string[] }): void
}

/** What the options of a `pull` source must be together. */
export function checkPull(options: PullOptions, context: Issues): void {
  const issue = (message: string, ...path: string[]): void => {
    context.addIssue({ code: 'custom', message, path })
  }
  const { folder, bucket, queue, aws } = options
  const places = [folder, bucket, queue].filter((place) => place !== undefined)
  if (places.length !== 1) issue('give one of folder, bucket and queue', 'folder')
  if (folder !== undefined && (folder.after === 'move') !== (folder.move_to !== undefined)) {
    issue('`after: move` and `move_to` go together', 'folder', 'move_to')
  }
  if ((aws.access_key_id === undefined) !== (aws.secret_access_key === undefined)) {
    issue('`access_key_id` and `secret_access_key` go together', 'aws', 'secret_access_key')
  }
  if (aws.access_key_id === undefined && aws.session_token !== undefined) {
    issue('`session_token` needs `access_key_id`', 'aws', 'session_token')
  }
  const isTimed = bucket?.prefixes.some((prefix) => prefix.includes('{'))
  if (isTimed === true && bucket?.start_after !== undefined) {
    issue('`start_after` is for prefixes without a time', 'bucket', 'start_after')
  }
}

/** Names of a hub's repositories and commits. */

/** `owner/name`, as the hub allows them. */
const HUB_ID = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/
const COMMIT = /^[0-9a-f]{40}$/

export function isHubId(text: string): boolean {
  return HUB_ID.test(text) && !text.includes('..')
}

/** Whether it is the full hash of a commit; git's digests of files look the same. */
export function isCommit(text: string): boolean {
  return COMMIT.test(text)
}

/** Names of a hub's repositories, of the models in them, and of commits. */

/** `owner/name`, as the hub allows them. */
const HUB_ID = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/
const VARIANT = /^[^\p{Cc}]{1,300}$/u
const COMMIT = /^[0-9a-f]{40}$/

/** A model of a hub, as users name it: `owner/name`, or `owner/name:variant` for one of several in a repository. */
export interface HubModel {
  readonly id: string
  /** A quantisation or a file. */
  readonly variant?: string
}

/** Undefined for what names no model of a hub. */
export function parseHubModel(text: string): HubModel | undefined {
  const [, id = text, variant] = /^([^:]*):(.*)$/s.exec(text) ?? []
  if (!HUB_ID.test(id) || id.includes('..')) return undefined
  if (variant === undefined) return { id }
  return VARIANT.test(variant) ? { id, variant } : undefined
}

/** Whether it is the full hash of a commit; git's digests of files look the same. */
export function isCommit(text: string): boolean {
  return COMMIT.test(text)
}

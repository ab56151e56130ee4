/** What the features of pictures and frames are cached under. */
import { createHash } from 'node:crypto'
import type { PictureLayout } from '../../models/tiling/layout.ts'
import type { ServedModel } from './model.ts'

type Keyed = Pick<ServedModel, 'preprocessing' | 'digest' | 'systemFingerprint'>

/**
 * Everything that decides the features, and the tenant, so that nobody can probe for another's pictures. The fingerprint
 * stands for runtime and version, which matter to what lies on disk. `seen`: what is looked at, as JSON.
 */
export function contentKey(model: Keyed, seen: readonly unknown[], tenant: string): string {
  const { preprocessing, digest, systemFingerprint } = model
  return createHash('sha256')
    .update(JSON.stringify([...seen, preprocessing, digest, systemFingerprint, tenant]))
    .digest('hex')
}

export function pictureKey(
  model: Keyed,
  sha256: string,
  { levels }: PictureLayout,
  tenant: string,
): string {
  return contentKey(model, [sha256, levels], tenant)
}

/** Which towers stay as they are, because they do not bear being quantised. */
import type { Graph } from '../../models/graph/graph.ts'
import { weightsBehind } from '../../models/graph/linear-weights.ts'
import type { ModelConfig } from '../../models/load-config.ts'
import type { TowerAgreement } from './measure.ts'
import { isFaithful, type Thresholds } from './thresholds.ts'

/** A tower, or the projector, with the graph names of its weights. */
export interface TowerPart {
  readonly name: string
  readonly weights: ReadonlySet<string>
}

/** What the towers do not share with what is behind them. */
export const PROJECTOR = 'projector'

/** The towers in their order, each with what its features depend on, and all that is behind them. */
export function towerParts({ family, config, graphs }: ModelConfig): TowerPart[] {
  const { encoder, merging } = graphs
  if (!encoder) return []
  const towers = (family.towers?.(config) ?? []).map(({ name, stage }) => ({
    name,
    weights: namesBehind(encoder, stage),
  }))
  const ofTowers = new Set(towers.flatMap(({ weights }) => [...weights]))
  const all = [...encoder.weights, ...(merging?.projector.weights ?? [])].map(({ name }) => name)
  const rest = new Set(all.filter((name) => !ofTowers.has(name)))
  return rest.size === 0 ? towers : [...towers, { name: PROJECTOR, weights: rest }]
}

function namesBehind(encoder: Graph, stage: string): Set<string> {
  const found = [...encoder.stages, ...encoder.outputs].find(({ name }) => name === stage)
  if (!found) throw new Error(`graph ${encoder.name}: a tower's stage ${stage} is not there`)
  return new Set([...weightsBehind(encoder, found.value)].map(({ name }) => name))
}

/**
 * Names of the parts that must stay after a measurement with all but `kept` quantised: towers that are too far from
 * themselves; if there are none and what is made of them is nevertheless, the projector; and at last every one. Empty when
 * all is well.
 */
export function partsToKeep(
  parts: readonly TowerPart[],
  measured: readonly TowerAgreement[],
  kept: ReadonlySet<string>,
  limits: Thresholds,
): string[] {
  const failing = measured.filter((tower) => !isFaithful(tower, limits)).map(({ name }) => name)
  const towers = parts.filter(({ name }) => failing.includes(name) && !kept.has(name))
  if (towers.length > 0) return towers.map(({ name }) => name)
  if (failing.every((name) => kept.has(name))) return []
  const open = parts.map(({ name }) => name).filter((name) => !kept.has(name))
  return open.includes(PROJECTOR) ? [PROJECTOR] : open
}

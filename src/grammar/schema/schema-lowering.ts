/**
 * A JSON Schema → what a model may write under it. Everything that can be written is valid under the schema; where a keyword cannot
 * be kept to exactly, less is allowed than is valid, or the keyword is refused by name.
 */
import type { JsonSchema } from '../../engine/constraint.ts'
import {
  choice,
  type Expr,
  NEVER,
  refuse,
  rule,
  sequence,
  text,
  unsupported,
} from '../expression.ts'
import { arraysOf } from './arrays.ts'
import { objectsOf } from './objects.ts'
import { scalarsOf, typesOf, valuesOf } from './scalars.ts'
import { checkNode, child, keyword, resolveRef, type SchemaNode } from './schema-node.ts'

const MOST_NODES = 20_000
const MOST_DEPTH = 64
/** Combinations of the branches of several `anyOf` and `oneOf` in one place. */
const MOST_COMBINATIONS = 500

/** What rooms for one kind of value ask of the whole. */
export interface Lowerer {
  /** What may be written where all of these schemas hold; undefined where nothing may. */
  lower(nodes: readonly SchemaNode[], depth: number): Expr | undefined
  /** A rule with this body. */
  define(body: Expr): Expr
}

export class SchemaLowering implements Lowerer {
  readonly #root: SchemaNode
  readonly #rules: Map<string, Expr>
  readonly #prefix: string
  readonly #ids = new Map<JsonSchema, number>()
  /** By the schemas that hold together: the rule, which may still be in the making, or that nothing may be written. */
  readonly #known = new Map<string, Expr | undefined>()
  #names = 0
  #nodes = 0

  constructor(schema: JsonSchema, where: string, rules: Map<string, Expr>, prefix: string) {
    this.#root = { schema, where }
    this.#rules = rules
    this.#prefix = prefix
  }

  lowerRoot(): Expr | undefined {
    return this.lower([this.#root], 0)
  }

  lower(nodes: readonly SchemaNode[], depth: number): Expr | undefined {
    if (depth > MOST_DEPTH) throw refuse(nodes[0]!.where, `nested more than ${MOST_DEPTH} deep`)
    const name = nodes
      .map(({ schema }) => this.#id(schema))
      .sort((a, b) => a - b)
      .join()
    if (this.#known.has(name)) return this.#known.get(name)
    const self = this.#newName()
    this.#known.set(name, rule(self))
    const ways: Expr[] = []
    for (const branch of this.#branches(nodes, [])) {
      const way = this.#lowerPlain(branch, depth)
      if (way) ways.push(way)
    }
    if (ways.length === 0) {
      this.#known.set(name, undefined)
      // It may have been referred to while it was being made.
      this.#rules.set(self, NEVER)
      return undefined
    }
    this.#rules.set(self, choice(ways))
    return rule(self)
  }

  define(body: Expr): Expr {
    const name = this.#newName()
    this.#rules.set(name, body)
    return rule(name)
  }

  /** Schemas without `$ref`, `allOf`, `anyOf` and `oneOf` of their own, which hold together; one list for each way. */
  #branches(nodes: readonly SchemaNode[], path: readonly JsonSchema[]): SchemaNode[][] {
    let all: SchemaNode[][] = [[]]
    for (const node of nodes) {
      const own = this.#branchesOf(node, path)
      if (all.length * own.length > MOST_COMBINATIONS)
        throw refuse(node.where, `more than ${MOST_COMBINATIONS} combinations of anyOf and oneOf`)
      all = all.flatMap((before) => own.map((more) => [...before, ...more]))
    }
    return all
  }

  #branchesOf(node: SchemaNode, path: readonly JsonSchema[]): SchemaNode[][] {
    if (++this.#nodes > MOST_NODES)
      throw refuse(this.#root.where, `expected at most ${MOST_NODES} schemas in it`)
    checkNode(node)
    const { schema } = node
    if (schema === true) return [[]]
    if (schema === false) return []
    if (path.includes(schema)) throw refuse(node.where, 'it refers to itself with nothing between')
    const inner = [...path, schema]
    const together: SchemaNode[] = []
    if (keyword(node, '$ref') !== undefined) together.push(resolveRef(this.#root, node))
    for (const i of indexes(node, 'allOf')) together.push(child(node, 'allOf', i))
    let ways = this.#branches(together, inner).map((way) => [node, ...way])
    for (const name of ['anyOf', 'oneOf'] as const) {
      if (keyword(node, name) === undefined) continue
      const branches = indexes(node, name).map((i) => child(node, name, i))
      if (name === 'oneOf') this.#expectDisjoint(node, branches)
      const alternatives = branches.flatMap((branch) => this.#branches([branch], inner))
      if (ways.length * alternatives.length > MOST_COMBINATIONS)
        throw refuse(node.where, `more than ${MOST_COMBINATIONS} combinations of anyOf and oneOf`)
      ways = ways.flatMap((before) => alternatives.map((more) => [...before, ...more]))
    }
    return ways
  }

  /** Of `oneOf` exactly one may hold, so no text may be valid under two. */
  #expectDisjoint(node: SchemaNode, branches: readonly SchemaNode[]): void {
    for (const [i, first] of branches.entries()) {
      for (const second of branches.slice(i + 1)) {
        // What it makes on the way is not needed.
        const trial = new SchemaLowering(this.#root.schema, this.#root.where, new Map(), 'trial')
        trial.#nodes = this.#nodes
        const both = trial.lower([first, second], 0)
        this.#nodes = trial.#nodes
        if (!both) continue
        throw unsupported(
          child(node, 'oneOf').where,
          `"${first.where.slice(node.where.length + 1)}" and "${second.where.slice(node.where.length + 1)}" may both hold; use anyOf, or a required property with another const in each`,
        )
      }
    }
  }

  /** All of them hold, and none has branches that count. */
  #lowerPlain(nodes: readonly SchemaNode[], depth: number): Expr | undefined {
    const values = valuesOf(nodes)
    if (values) {
      return values.length === 0
        ? undefined
        : choice(values.map((value) => text(JSON.stringify(value))))
    }
    const types = typesOf(nodes)
    const ways: Expr[] = [...scalarsOf(nodes, types)]
    if (types.has('object')) {
      const objects = objectsOf(nodes, this, depth)
      if (objects) ways.push(objects)
    }
    if (types.has('array')) {
      const arrays = arraysOf(nodes, this, depth)
      if (arrays) ways.push(arrays)
    }
    return ways.length === 0 ? undefined : choice(ways)
  }

  #id(schema: JsonSchema): number {
    let id = this.#ids.get(schema)
    if (id === undefined) {
      id = this.#ids.size
      this.#ids.set(schema, id)
    }
    return id
  }

  #newName(): string {
    return `${this.#prefix}:${this.#names++}`
  }
}

/** Throws `invalid_request` or `unsupported_parameter`, naming the place and the keyword. */
export function lowerSchema(
  schema: JsonSchema,
  where: string,
  rules: Map<string, Expr>,
  prefix: string,
): Expr {
  const expr = new SchemaLowering(schema, where, rules, prefix).lowerRoot()
  if (!expr) throw refuse(where, 'no value is valid under it')
  return sequence(expr)
}

function indexes(node: SchemaNode, name: string): number[] {
  const value = keyword(node, name)
  return Array.isArray(value) ? value.map((_, i) => i) : []
}

/**
 * What is not defined: in Jinja2 an empty text where a text is wanted and an empty list where a list is (`Undefined`, its class); most of
 * that throws in @huggingface/jinja. Hermes 2 Pro and Hermes 3 trim the description that a parameter may not have, and templates go through
 * the calls of messages that have none.
 */
import { Template } from '@huggingface/jinja'

const TEXT_FILTERS = ['trim', 'upper', 'lower', 'title', 'capitalize', 'string', 'replace'] as const
const LIST_FILTERS = ['length', 'list', 'join', 'selectattr', 'rejectattr', 'map'] as const
const EMPTY: ReadonlyMap<string, Empty> = new Map([
  ...TEXT_FILTERS.map((name) => [name, "''"] as const),
  ...LIST_FILTERS.map((name) => [name, '[]'] as const),
])

type Empty = "''" | '[]'

/** The nodes of the syntax tree, whose classes the package does not export. */
type Node = Record<string, unknown> & { readonly type: string }
interface FilterName {
  readonly value?: string
  readonly callee?: { readonly value?: string }
}

/** Lets such places see something empty: `x | trim` becomes `x | default('') | trim`. Changes the template. */
export function withEmptyForUndefined(template: Template): Template {
  visit(template.parsed)
  return template
}

function visit(node: unknown): void {
  if (typeof node !== 'object' || node === null) return
  const children = node instanceof Map ? [...node].flat() : Object.values(node)
  children.forEach(visit)
  if (isNode(node)) change(node)
}

function isNode(node: object): node is Node {
  return 'type' in node && typeof node.type === 'string'
}

function change(node: Node): void {
  switch (node.type) {
    case 'FilterExpression': {
      const { value, callee } = node['filter'] as FilterName
      const empty = EMPTY.get(value ?? callee?.value ?? '')
      if (empty) node['operand'] = orEmpty(node['operand'], empty)
      break
    }
    case 'For': {
      const list = node['iterable'] as Node
      // `for x in xs if …`
      if (list.type === 'SelectExpression') list['lhs'] = orEmpty(list['lhs'], '[]')
      else node['iterable'] = orEmpty(list, '[]')
      break
    }
    case 'BinaryExpression':
      if ((node['operator'] as FilterName).value !== '~') break
      node['left'] = orEmpty(node['left'], "''")
      node['right'] = orEmpty(node['right'], "''")
  }
}

function orEmpty(operand: unknown, empty: Empty): unknown {
  const [node] = new Template(`{{ x | default(${empty}) }}`).parsed.body as unknown as Node[]
  node!['operand'] = operand
  return node
}

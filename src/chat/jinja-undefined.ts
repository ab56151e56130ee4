/**
 * Filters of texts on what is not defined. In Jinja2 that is an empty text (`Undefined.__str__`); @huggingface/jinja throws. Hermes 2 Pro
 * and Hermes 3 trim the description that a parameter may not have.
 */
import { Template } from '@huggingface/jinja'

const FILTERS: ReadonlySet<string> = new Set(['trim', 'upper', 'lower', 'title', 'capitalize'])

interface FilterNode {
  operand: unknown
  readonly filter: { readonly type: string; readonly value?: string }
}

/** Lets such filters see an empty text: `x | trim` becomes `x | default('') | trim`. Changes the template. */
export function withEmptyTexts(template: Template): Template {
  visit(template.parsed)
  return template
}

function visit(node: unknown): void {
  if (Array.isArray(node)) {
    node.forEach(visit)
    return
  }
  if (node instanceof Map) {
    visit([...node.entries()])
    return
  }
  if (typeof node !== 'object' || node === null) return
  for (const child of Object.values(node)) visit(child)
  if (isFilter(node) && FILTERS.has(node.filter.value ?? '')) node.operand = orEmpty(node.operand)
}

function isFilter(node: object): node is FilterNode {
  return 'type' in node && node.type === 'FilterExpression'
}

/** The package exports no classes of its syntax tree, so that it parses the node itself. */
function orEmpty(operand: unknown): unknown {
  const [node] = new Template("{{ x | default('') }}").parsed.body as unknown as FilterNode[]
  node!.operand = operand
  return node
}

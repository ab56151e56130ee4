/** What an answer may say because of its tools and its format, as one constraint. */
import type { CallSyntax } from '../../models/tools/format.ts'
import type { Constraint, JsonSchema, Tag } from '../engine/constraint.ts'
import type { ChatRequest, Tool } from './contract.ts'
import { callableTools, toldTools } from './tool-request.ts'
import { callTexts } from './tool-text.ts'

type Asked = Pick<ChatRequest, 'tools' | 'toolChoice' | 'parallelToolCalls'>

/**
 * Undefined: any text. `format` is what the text of the answer must look like: an answer that may call is calls and nothing
 * else, or that. Without one, calls are held to their schemas where the request says so of the tool, or which tools may be called.
 */
export function answerConstraint(
  request: Asked,
  syntax: CallSyntax,
  format: Constraint | undefined,
): Constraint | undefined {
  const tools = callableTools(request)
  if (tools.length === 0) return format
  const isParallel = request.parallelToolCalls && syntax.parallel
  if (request.toolChoice.mode === 'required') return calls(tools, syntax, isParallel)
  if (format) return { kind: 'choice', of: [calls(tools, syntax, isParallel), format] }
  const isHeld = tools.some(({ strict }) => strict) || tools.length < toldTools(request).length
  return isHeld ? textWithCalls(tools, syntax, isParallel) : undefined
}

function calls(tools: readonly Tool[], syntax: CallSyntax, isParallel: boolean): Constraint {
  const { first, between, last } = callTexts(syntax)
  const tags = tagsOf(tools, syntax)
  const some: Constraint = isParallel
    ? { kind: 'separated', separator: between, tags, atLeastOne: true, stopAfterFirst: false }
    : { kind: 'choice', of: tags.map((tag) => ({ kind: 'tag', ...tag })) }
  const around = [literal(first), [some], literal(last)].flat()
  return around.length === 1 ? some : { kind: 'sequence', of: around }
}

/** Any text; where it begins a call, the call is one of a tool, with arguments that its schema allows. */
function textWithCalls(
  tools: readonly Tool[],
  syntax: CallSyntax,
  isParallel: boolean,
): Constraint {
  // Schemas of functions that are not strict are for the model to read.
  const held = tools.map((tool) => (tool.strict ? tool : { ...tool, parameters: ANY_OBJECT }))
  const marked = syntax.begins.flatMap((mark) => tagsBehind(mark, held, syntax, isParallel))
  // A call without a mark is known by what every call begins with.
  const bare = syntax.bare ? tagsOf(held, syntax) : []
  const triggers = [...syntax.begins, ...(syntax.bare ? ['{"name": "'] : [])]
  const stopAfterFirst = !isParallel
  return {
    kind: 'triggered',
    triggers,
    tags: [...marked, ...bare],
    atLeastOne: false,
    stopAfterFirst,
  }
}

function tagsBehind(
  mark: string,
  tools: readonly Tool[],
  syntax: CallSyntax,
  isParallel: boolean,
): Tag[] {
  if (syntax.form !== 'list') return tagsOf(tools, syntax, mark)
  const { first, last } = callTexts(syntax, mark)
  return [{ begin: first, content: inner(calls(tools, syntax, isParallel)), end: last }]
}

/** Of a list, what stands between its beginning and its end. */
function inner(list: Constraint): Constraint {
  return list.kind === 'sequence' ? list.of[1]! : list
}

function tagsOf(tools: readonly Tool[], syntax: CallSyntax, mark?: string): Tag[] {
  const { around } = callTexts(syntax, mark)
  return tools.map((tool) => {
    const { before, after } = around(tool.name)
    return { begin: before, content: argumentsOf(tool), end: after }
  })
}

/** A function without parameters takes none; OpenAI has it so. */
const NO_ARGUMENTS: JsonSchema = { type: 'object', properties: {}, additionalProperties: false }
const ANY_OBJECT: JsonSchema = { type: 'object' }

function argumentsOf({
  parameters = NO_ARGUMENTS,
  param,
  schemaParam = `${param}.parameters`,
}: Tool): Constraint {
  return { kind: 'json', schema: ofObjects(parameters), param: schemaParam }
}

/** Arguments are an object, also where a schema does not say so, as `{}` does not. */
function ofObjects(schema: JsonSchema): JsonSchema {
  if (typeof schema === 'boolean') return schema ? ANY_OBJECT : schema
  return schema['type'] === 'object' ? schema : { ...schema, type: 'object' }
}

function literal(text: string): Constraint[] {
  return text === '' ? [] : [{ kind: 'literal', text }]
}

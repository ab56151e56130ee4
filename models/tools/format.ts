/**
 * How a kind of model is told of tools, calls them and reads what they gave: data alone. What is written here is read by
 * `src/chat/tool-parser.ts`, `tool-constraint.ts` and `tool-turns.ts`.
 */

export interface ToolFormat {
  readonly name: string
  /** Texts of a chat template that knows tools, any of which says that its calls may be written so; what it renders decides. */
  readonly templateMarks: readonly string[]
  readonly calls: CallSyntax
  /** What a chat template that knows tools asks of a conversation; absent: nothing. */
  readonly template?: TemplateRules
  /** For chat templates that know nothing of tools; absent: the format is only for those that do. */
  readonly written?: WrittenTools
}

export interface CallSyntax {
  /** Each begins calls; the first is the one that is written. */
  readonly begins: readonly string[]
  /** Calls need no beginning: a message that begins with the object of one is one. */
  readonly bare: boolean
  /** `object`: each call has a beginning and an end. `list`: all stand in one array between them. `named`: the name, then `argumentsMark`, then the arguments. */
  readonly form: 'object' | 'list' | 'named'
  /** Ends what the first of `begins` began, and may end what another did; empty: nothing does. */
  readonly end: string
  /** What is written inside, next to beginning and end. */
  readonly open: string
  readonly close: string
  /** Between two calls. */
  readonly between: string
  /** Member of a call that has its arguments. */
  readonly argumentsKey: 'arguments' | 'parameters'
  /** Only of `named`. */
  readonly argumentsMark?: string
  /** Whether one message may have several calls. */
  readonly parallel: boolean
}

export interface TemplateRules {
  /** Ids of calls are nine letters and digits. */
  readonly shortIds?: true
  /** A message that called several tools is told as several messages, each with its result. */
  readonly oneCallAMessage?: true
  /** A tool is told of by its function, without what says that it is one. */
  readonly bareFunctions?: true
}

/** What is written into the messages for a template that has no place for it. */
export interface WrittenTools {
  /** Behind the system message, or in its place: `before`, the tools as JSON with `between` between two, `after`. */
  readonly before: string
  readonly between: string
  readonly after: string
  /** Around a result, in a message of the user. */
  readonly resultBegin: string
  readonly resultEnd: string
}

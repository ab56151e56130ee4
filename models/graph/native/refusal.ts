/** Says that a graph cannot be written as a native program, and why; `nativeProgram` turns it into its answer. */
export class CannotLower extends Error {
  override readonly name = 'CannotLower'
}

/** What `resample-simd.ts` and `documents/pdfium.ts` use of the WebAssembly JavaScript interface, which neither `lib.es2024` nor `@types/node` declares. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer>)
  }
  class Memory {
    constructor(descriptor: { readonly initial: number })
    readonly buffer: ArrayBuffer
  }
  type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>
  type Exports = Readonly<Record<string, unknown>>
  class Instance {
    constructor(module: Module, imports: Imports)
    readonly exports: Exports
  }
  function compile(bytes: Uint8Array): Promise<Module>
  function validate(bytes: Uint8Array<ArrayBuffer>): boolean
}

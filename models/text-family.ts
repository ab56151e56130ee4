/** A family that reads and writes nothing but text. */
import type { TextDecoderConfig } from './blocks/text-config.ts'
import { TEXT_EMBEDDING, textDecoder } from './blocks/text-decoder.ts'
import { ConfigReader } from './config-reader.ts'
import { defineFamily, type Family } from './family.ts'

export function defineTextFamily(
  modelType: string,
  read: (raw: ConfigReader) => TextDecoderConfig,
): Family<TextDecoderConfig> {
  return defineFamily<TextDecoderConfig>({
    modelType,
    parseConfig: (raw) => read(new ConfigReader(raw)),
    graphs: (c) => ({ decoder: textDecoder(c) }),
    limits: (c) => ({
      vocabSize: c.vocabSize,
      hiddenSize: c.hiddenSize,
      maxContext: c.maxPositions,
      tokensPerTile: 0,
      maxImages: 0,
    }),
    weightNames: [['', '']],
    embeddingName: TEXT_EMBEDDING,
    messageContent: () => 'text',
  })
}

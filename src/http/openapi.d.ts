/** Generated from openapi.yaml by `npm run openapi`; do not edit. */
export interface paths {
    "/v1/chat/completions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Answer a conversation
         * @description Returns one JSON object, or with `stream: true` server-sent events.
         *
         *     **Stream.** Each event is `data: ` and a `ChatCompletionChunk`. The first chunks carry the role of each choice.
         *     The last chunk of a choice has its `finish_reason`. With `stream_options.include_usage`, every chunk has
         *     `usage: null` and one more chunk with empty `choices` has the figures. `data: [DONE]` ends the stream.
         *     While nothing is to be said for 15 s, a comment line `: keep-alive` is sent. If the answer fails after it
         *     has begun, one event `data: {"error": {…}}` (the schema `Error`) is sent and the stream ends *without*
         *     `[DONE]`. Closing the connection stops the work at once.
         */
        post: operations["createChatCompletion"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/completions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Continue texts
         * @description OpenAI's older route, without a chat template: what the model reads is the prompt and nothing else. Returns one JSON object, or with
         *     `stream: true` server-sent events, each `data: ` and a `CompletionChunk`, as those of `/v1/chat/completions`. With
         *     `echo`, `logprobs` and `max_tokens` of 0 or 1 it says how probable given texts are.
         */
        post: operations["createCompletion"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Answer a conversation, in Anthropic's spelling
         * @description Anthropic's Messages API, translated into what `/v1/chat/completions` does. The key may come as `x-api-key`.
         *     `anthropic-version` and `anthropic-beta` change nothing: answers have the fields of all versions, and what a beta adds to a request is
         *     honoured or refused by its name. Failures have Anthropic's envelope, with the codes of the other routes in
         *     `error.details.error_code`.
         *
         *     **Stream.** `message_start`, then for each block `content_block_start`, `content_block_delta`s and `content_block_stop`, then
         *     `message_delta` with `stop_reason` and usage, and `message_stop`; `ping` in silence; `error` for a failure after the
         *     first event, which ends the stream.
         */
        post: operations["createMessage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/count_tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Count what a message would cost, in Anthropic's spelling
         * @description The positions that `/v1/messages` would read, as `/v1/tokenize` counts them.
         */
        post: operations["countMessageTokens"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/embeddings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Embed pictures
         * @description One embedding a picture, of a vision tower that is served by itself (RADIO, C-RADIO): by default the summary vector
         *     of the whole picture, with `aerie.output` the map of its patches or what an adaptor makes of either. Vectors are as
         *     the tower gives them, not of unit length. Maps are flat and row-major; `aerie.shape` of each item says how to read
         *     them. A model that answers has no embeddings that were trained as such, and is refused.
         */
        post: operations["createEmbedding"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the models */
        get: operations["listModels"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Describe one model
         * @description The model's capability document: OpenAI's own fields, and under `aerie` what the list says and much more: what a
         *     picture costs and why, where the prompt comes from, what the weights are, how far each stage is from the published
         *     code, and the limits in force.
         */
        get: operations["retrieveModel"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model}/load": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Load a model
         * @description Loads a model before anybody asks it, and answers when it is loaded. Models that nobody uses make room for it as for a
         *     request. One whose last load failed is tried again at once.
         */
        post: operations["loadModel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model}/unload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Unload a model
         * @description Lets the model finish what it answers and gives its memory back, also where it is pinned; answers when it is gone. What
         *     is asked of it meanwhile or later loads it again.
         */
        post: operations["unloadModel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tokenize": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Count what a request would cost
         * @description The exact number of positions that a conversation, pictures included, takes in the model's context, without
         *     generating anything. Pictures are fetched and their headers read; they are not decoded. Give `messages` to
         *     count what `/v1/chat/completions` would read, or `prompt` to count a bare text.
         */
        post: operations["tokenize"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/detokenize": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Turn token ids back into text
         * @description The text of token ids, special tokens by their names; a character whose bytes are not all there becomes U+FFFD.
         */
        post: operations["detokenize"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/responses": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Open a WebSocket over which responses are made
         * @description Open Responses' WebSocket transport. The client sends `response.create` events, texts of JSON: the body of a POST with
         *     `type: response.create` beside the rest, without `stream` and `background`. The server sends the events of a stream, and for failures
         *     before the first of them a `ResponseSocketError`. One response is generated at a time; up to eight messages may wait. With `store: false`
         *     the connection remembers the last response, which `previous_response_id` goes on from. Open for an hour at most.
         */
        get: operations["connectResponses"];
        put?: never;
        /**
         * Answer, and remember the conversation
         * @description OpenAI's Responses API. Returns the response as one JSON object, or with `stream: true` its events, each with a line `event:` that
         *     repeats the `type` of its data; `data: [DONE]` ends the stream, also of one that has failed. With `background: true` the response
         *     comes at once and is `queued`.
         */
        post: operations["createResponse"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/responses/input_tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Count what a response would read
         * @description The exact number of positions that the input takes, with pictures, tools and what `previous_response_id` stands for.
         */
        post: operations["countResponseInputTokens"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/responses/compact": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a conversation short
         * @description The model summarises the conversation, in 1024 tokens at most. What comes back is a list of items to go on from in its place: the
         *     messages of the user as they were, and a `compaction` item with the summary of all the rest. Nothing is stored.
         *
         *     Where the conversation leaves no room for a summary of 512 tokens, or of a quarter of a smaller context, the oldest items are left
         *     out of the summary and of what comes back, as few as will do: never `instructions`, system and developer messages, or the last
         *     message of the user; a call goes together with its result. `aerie.dropped_items` says how many.
         */
        post: operations["compactResponse"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/responses/{response_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Retrieve a response, or take up its stream */
        get: operations["retrieveResponse"];
        put?: never;
        post?: never;
        /**
         * Delete a response
         * @description Its pictures go with it unless another response has them. One that is being generated ends. Those that went on from it cannot be gone on from any more.
         */
        delete: operations["deleteResponse"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/responses/{response_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a response in the background
         * @description It ends within seconds and is `cancelled`, with what it has said. One that has ended stays as it is.
         */
        post: operations["cancelResponse"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/responses/{response_id}/input_items": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the items that a response was asked with
         * @description Those of its own request, and not of the responses that it goes on from.
         */
        get: operations["listResponseInputItems"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audio/transcriptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Write down speech
         * @description The words of a sound, by a speech model (Whisper): WAV, MP3, FLAC, OGG (Vorbis, Opus), M4A, WebM, and the sound track of
         *     a clip. Sounds of any length up to `maxSoundSeconds` are heard in windows of 30 s, each of which begins where the
         *     model heard the end of a sentence. With `response_format` `srt`, `vtt` or `verbose_json` the words come with
         *     times. A model that does not hear is refused.
         */
        post: operations["createTranscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audio/translations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Write down speech in English
         * @description As `/v1/audio/transcriptions`, in English whatever the language that is spoken. A model that was trained on English
         *     alone, or not to translate, is refused.
         */
        post: operations["createTranslation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List files */
        get: operations["listFiles"];
        put?: never;
        /**
         * Upload a file
         * @description One file as `multipart/form-data`, streamed to the server's disk. The fields may come in any order. When the answer
         *     comes the file is on the disk and would survive a power cut; without an answer there is no file. Only requests with
         *     the same API key see it.
         */
        post: operations["createFile"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Describe a file */
        get: operations["retrieveFile"];
        put?: never;
        post?: never;
        /**
         * Delete a file
         * @description The bytes are removed from the disk as well. Downloads that have begun are finished.
         */
        delete: operations["deleteFile"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}/content": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download a file
         * @description The bytes as they were uploaded, as an attachment, of a media type that follows from the file's name and that no
         *     browser runs. `Range` takes one range of bytes; with several, the whole file is sent. `ETag` is the SHA-256 of the
         *     bytes; `If-Range` and `If-None-Match` are honoured.
         */
        get: operations["downloadFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/batches": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List batches */
        get: operations["listBatches"];
        put?: never;
        /**
         * Make a batch
         * @description Runs the requests of an uploaded file, one JSON object a line: `custom_id`, `method`, `url`, `body`. The file is looked
         *     into afterwards: a batch whose file has wrong lines becomes `failed`, and `errors` says which. A result that was counted
         *     survives a crash of the server, and no line is in the output twice. Batches give way to requests of clients.
         */
        post: operations["createBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/batches/{batch_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Describe a batch */
        get: operations["retrieveBatch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/batches/{batch_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a batch
         * @description Lines that are running are broken off within seconds. What was done stays: the batch is `cancelling` until its output and
         *     error files are written, and then `cancelled`. One that has ended is answered with 400.
         */
        post: operations["cancelBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Is the process alive?
         * @description Answers as long as the event loop turns, also while loading and draining. For liveness probes.
         */
        get: operations["livez"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Would a request be served now?
         * @description Says why not, where a request would not be served. For readiness probes.
         */
        get: operations["readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Figures for Prometheus
         * @description Prometheus text format. Needs an API key where the rest of the server does.
         */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        ChatCompletionRequest: {
            /** @description A model id from `/v1/models`. */
            model: string;
            /** @description The conversation so far, oldest first. */
            messages: components["schemas"]["Message"][];
            /** @description 0 always takes the most probable token; higher is more varied. Default of the model. */
            temperature?: number | null;
            /** @description Samples among the most probable tokens whose probabilities add up to this. */
            top_p?: number | null;
            /** @description Samples among this many most probable tokens; 0 and -1 mean all. */
            top_k?: number | null;
            /** @description Drops tokens less probable than this fraction of the most probable one. */
            min_p?: number | null;
            /** @description Subtracted from a token's logit once for each time the answer already has it. */
            frequency_penalty?: number | null;
            /** @description Subtracted from a token's logit if the answer already has it. */
            presence_penalty?: number | null;
            /** @description Divides positive and multiplies negative logits of tokens already seen; 1 is off. */
            repetition_penalty?: number | null;
            /** @description The answer does not end by itself before it has this many tokens; stop strings still end it. */
            min_tokens?: number | null;
            /** @description The tokens that end an answer are as any other; for load generators. */
            ignore_eos?: boolean | null;
            /** @description Token id (see `/v1/tokenize`) to a number added to its logit. */
            logit_bias?: {
                [key: string]: number;
            } | null;
            /**
             * @description The same seed and request give the same answer, alone or in a batch. Choice *i* uses seed + *i*. Given
             *     equal `system_fingerprint`.
             */
            seed?: number | null;
            /** @description Answers to generate. */
            n?: number | null;
            /**
             * @description Most tokens of each answer. Without it, the model's own `max_new_tokens` where it has one, and whatever the
             *     context leaves.
             */
            max_completion_tokens?: number | null;
            /**
             * @deprecated
             * @description Older name of `max_completion_tokens`; give one, or both with one value.
             */
            max_tokens?: number | null;
            /** @description Texts that end the answer; they are not part of it. */
            stop?: string | string[] | null;
            /** @description Return the log probability of each token of the answer. */
            logprobs?: boolean | null;
            /** @description How many of the most probable tokens to list at each position; needs `logprobs`. */
            top_logprobs?: number | null;
            /** @description The form of the answer. What is asked for is kept to token by token; see docs/structured-output.md. */
            response_format?: components["schemas"]["ResponseFormat"] | null;
            /**
             * @description The form of the answer by a JSON Schema, a regular expression, a list of texts or a grammar: exactly one of them,
             *     and no `response_format` but text beside it.
             */
            structured_outputs?: components["schemas"]["StructuredOutputs"] | null;
            /** @description Older name of `structured_outputs.json`. */
            guided_json?: unknown;
            /** @description Older name of `structured_outputs.regex`. */
            guided_regex?: unknown;
            /** @description Older name of `structured_outputs.choice`. */
            guided_choice?: unknown;
            /** @description Older name of `structured_outputs.grammar`. */
            guided_grammar?: unknown;
            /** @description A grammar in GBNF. */
            grammar?: unknown;
            /** @description A JSON Schema. */
            json_schema?: unknown;
            /** @description A regular expression. */
            regex?: unknown;
            /** @description A grammar in EBNF. */
            ebnf?: unknown;
            /** @description What the answer is made of. */
            modalities?: ("text" | "audio")[] | null;
            /**
             * @description How wordy the answer should be.
             * @enum {string|null}
             */
            verbosity?: "low" | "medium" | "high" | null;
            /**
             * @description How much to reason before answering.
             * @enum {string|null}
             */
            reasoning_effort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max" | null;
            /** @description Send the answer as server-sent events while it is generated. */
            stream?: boolean | null;
            /** @description Options of a stream; needs `stream`. */
            stream_options?: components["schemas"]["StreamOptions"] | null;
            /**
             * @deprecated
             * @description Your id of the end user. The access log has a short SHA-256 of it, never the value, so that misuse can be
             *     traced back by whoever knows the id.
             */
            user?: string | null;
            /** @description Replaces `user`; treated the same way and takes precedence. */
            safety_identifier?: string | null;
            /** @description Up to 16 pairs of your own, returned unchanged in the JSON answer. Neither stored nor logged. */
            metadata?: components["schemas"]["Metadata"] | null;
            /** @description Prompt prefixes are reused only between requests of the same API key with the same value here (or none). */
            prompt_cache_key?: string | null;
            /**
             * @deprecated
             * @description How long prompt prefixes may be kept.
             * @enum {string|null}
             */
            prompt_cache_retention?: "in_memory" | "24h" | null;
            /** @description Control of prompt caching. */
            prompt_cache_options?: components["schemas"]["PromptCacheOptions"] | null;
            /**
             * @description `auto` and `default` are the ordinary queue; `flex` waits behind it, like `aerie.priority: batch`. When
             *     given, the answer says which was used.
             * @enum {string|null}
             */
            service_tier?: "auto" | "default" | "flex" | "scale" | "priority" | "fast" | null;
            /** @description Functions that the model may call; the client runs them and sends what they give in `tool` messages. */
            tools?: components["schemas"]["Tool"][] | null;
            /**
             * @description `auto`, the default: the model decides. `none`: it calls nothing, and is not told of the tools. `required`:
             *     it calls one or more, and says nothing else. An object names one function that it calls, or the functions
             *     that it may call.
             */
            tool_choice?: ("none" | "auto" | "required") | components["schemas"]["ToolChoiceObject"] | null;
            /** @description Whether one answer may call several tools; default true. With false, an answer ends with its first call. */
            parallel_tool_calls?: boolean | null;
            /** @description Keep the answer for later retrieval. */
            store?: boolean | null;
            /**
             * @deprecated
             * @description Older form of `tools`.
             */
            functions?: Record<string, never>[] | null;
            /**
             * @deprecated
             * @description Older form of `tool_choice`.
             */
            function_call?: string | Record<string, never> | null;
            /** @description Parameters of spoken answers. */
            audio?: Record<string, never> | null;
            /** @description Text that the answer is likely to contain. */
            prediction?: Record<string, never> | null;
            /** @description Search the web for the answer. */
            web_search_options?: Record<string, never> | null;
            /** @description Moderate input and output. */
            moderation?: Record<string, never> | null;
            /** @description Aerie's own options. */
            aerie?: components["schemas"]["AerieOptions"] | null;
        };
        AerieOptions: {
            /** @description Return what the model saw, in the field `aerie` of the answer. */
            explain?: boolean | null;
            /** @description Milliseconds after which the request ends with `deadline_exceeded`. The server's own limit caps it. */
            deadline_ms?: number | null;
            /**
             * @description `batch` waits behind everything that is `live`. Default `live`.
             * @enum {string|null}
             */
            priority?: "live" | "batch" | null;
        };
        /**
         * @description Texts to be continued, without a chat template. Special tokens that are written in a text are special here: whoever calls this route
         *     writes the whole prompt.
         */
        CompletionRequest: {
            model: components["schemas"]["ModelName"];
            /**
             * @description A text, texts, the token ids of a prompt, or of several. Each is continued by itself; choices are numbered prompt by
             *     prompt.
             */
            prompt: string | (string | number | number[])[];
            /**
             * @description Most tokens of each answer. With 0 the prompt is read, and that is all.
             * @default 16
             */
            max_tokens: number | null;
            /**
             * @description Each text begins with its prompt; with `logprobs` the prompt's own tokens have theirs too, but for the first, which
             *     has none.
             */
            echo?: boolean | null;
            /**
             * @description Return the log probability of each token, and the tokens that were so many most probable ones at its place; always of
             *     the model's own distribution.
             */
            logprobs?: number | null;
            /** @description 0 always takes the most probable token; higher is more varied. Default of the model. */
            temperature?: number | null;
            /** @description Samples among the most probable tokens whose probabilities add up to this. */
            top_p?: number | null;
            /** @description Samples among this many most probable tokens; 0 and -1 mean all. */
            top_k?: number | null;
            /** @description Drops tokens less probable than this fraction of the most probable one. */
            min_p?: number | null;
            /** @description Subtracted from a token's logit once for each time the answer already has it. */
            frequency_penalty?: number | null;
            /** @description Subtracted from a token's logit if the answer already has it. */
            presence_penalty?: number | null;
            /** @description Divides positive and multiplies negative logits of tokens already seen; 1 is off. */
            repetition_penalty?: number | null;
            /** @description The answer does not end by itself before it has this many tokens; stop strings still end it. */
            min_tokens?: number | null;
            /** @description The tokens that end an answer are as any other; for load generators. */
            ignore_eos?: boolean | null;
            /**
             * @description Texts get in front what the model's tokenizer itself adds to a prompt, such as `<s>`.
             * @default true
             */
            add_special_tokens: boolean | null;
            /** @description Token id (see `/v1/tokenize`) to a number added to its logit. */
            logit_bias?: {
                [key: string]: number;
            } | null;
            /**
             * @description The same seed and request give the same answer, alone or in a batch. Choice *i* uses seed + *i*. Given
             *     equal `system_fingerprint`.
             */
            seed?: number | null;
            /** @description Answers to generate. */
            n?: number | null;
            /** @description Generate so many and return the `n` best. */
            best_of?: number | null;
            /** @description Texts that end the answer; they are not part of it. */
            stop?: string | string[] | null;
            /** @description Send the answer as server-sent events while it is generated. */
            stream?: boolean | null;
            /** @description Options of a stream; needs `stream`. */
            stream_options?: components["schemas"]["StreamOptions"] | null;
            /** @description The text behind what is to be written. */
            suffix?: string | null;
            /** @description The form of the answer. What is asked for is kept to token by token; see docs/structured-output.md. */
            response_format?: components["schemas"]["ResponseFormat"] | null;
            /**
             * @description The form of the answer by a JSON Schema, a regular expression, a list of texts or a grammar: exactly one of them,
             *     and no `response_format` but text beside it.
             */
            structured_outputs?: components["schemas"]["StructuredOutputs"] | null;
            /** @description Log probabilities of the prompt. */
            prompt_logprobs?: number | null;
            /**
             * @deprecated
             * @description Your id of the end user. The access log has a short SHA-256 of it, never the value, so that misuse can be
             *     traced back by whoever knows the id.
             */
            user?: string | null;
            /** @description Aerie's own options. */
            aerie?: components["schemas"]["CompletionOptions"] | null;
        };
        CompletionOptions: {
            /** @description Milliseconds after which the request ends with `deadline_exceeded`. The server's own limit caps it. */
            deadline_ms?: number | null;
            /**
             * @description `batch` waits behind everything that is `live`. Default `live`.
             * @enum {string|null}
             */
            priority?: "live" | "batch" | null;
        };
        /** @description A model id from `/v1/models`. */
        ModelName: string;
        MessagesRequest: {
            model: components["schemas"]["ModelName"];
            /**
             * @description Most tokens of the answer, and no more than the context leaves: where that is less, an answer that fills it ends with
             *     `stop_reason` `model_context_window_exceeded`.
             */
            max_tokens: number;
            /**
             * @description The conversation so far. Turns of one role that follow each other are one turn. The last is the user's: an answer that is
             *     begun cannot be continued.
             */
            messages: components["schemas"]["AnthropicTurn"][];
            /** @description Instructions to the model, a text or texts. */
            system?: string | components["schemas"]["AnthropicSystemBlock"][] | null;
            /** @description 0 always takes the most probable token. Default of the model. */
            temperature?: number | null;
            /** @description Samples among the most probable tokens whose probabilities add up to this. */
            top_p?: number | null;
            /** @description Samples among this many most probable tokens; 0 means all. */
            top_k?: number | null;
            /** @description Texts that end the answer; `stop_sequence` of the answer says which did. */
            stop_sequences?: string[] | null;
            /** @description Send the answer as server-sent events while it is generated. */
            stream?: boolean | null;
            /** @description Functions that the model may call. */
            tools?: components["schemas"]["AnthropicTool"][] | null;
            /** @description Whether and what the model calls. */
            tool_choice?: components["schemas"]["AnthropicToolChoice"] | null;
            /** @description The form of the answer. */
            output_config?: components["schemas"]["AnthropicOutputConfig"] | null;
            /** @description Who asks. */
            metadata?: components["schemas"]["AnthropicMetadata"] | null;
            cache_control?: components["schemas"]["CacheControl"];
            /** @description Reasoning before the answer. */
            thinking?: components["schemas"]["AnthropicThinking"] | null;
            /**
             * @description Both are the ordinary queue.
             * @enum {string|null}
             */
            service_tier?: "auto" | "standard_only" | null;
            /**
             * @description How fast to answer.
             * @enum {string|null}
             */
            speed?: "standard" | "fast" | null;
            /** @description A container for code that Anthropic runs. */
            container?: Record<string, never> | string | null;
            /** @description Clears old turns by rules. */
            context_management?: Record<string, never> | null;
            /** @description Why a prompt was not cached. */
            diagnostics?: Record<string, never> | null;
            /** @description Where to answer. */
            inference_geo?: string | null;
            /** @description Servers of tools that Anthropic calls. */
            mcp_servers?: Record<string, never>[] | null;
            /** @description Has the server keep the conversation. */
            thread?: Record<string, never> | null;
            /** @description Models to ask in place of this one. */
            fallbacks?: Record<string, never>[] | null;
            /** @description A profile that is kept by Anthropic. */
            user_profile_id?: string | null;
            /** @description A workspace of Anthropic's. */
            workspace_id?: string | null;
            /** @description Aerie's own options. */
            aerie?: components["schemas"]["CompletionOptions"] | null;
        };
        /** @description What `/v1/messages` would read, as there. */
        CountTokensRequest: {
            model: components["schemas"]["ModelName"];
            /**
             * @description The conversation so far. Turns of one role that follow each other are one turn. The last is the user's: an answer that is
             *     begun cannot be continued.
             */
            messages: components["schemas"]["AnthropicTurn"][];
            /** @description Instructions to the model, a text or texts. */
            system?: string | components["schemas"]["AnthropicSystemBlock"][] | null;
            /** @description Functions that the model may call. */
            tools?: components["schemas"]["AnthropicTool"][] | null;
            /** @description Whether and what the model calls. */
            tool_choice?: components["schemas"]["AnthropicToolChoice"] | null;
            /** @description The form of the answer. */
            output_config?: components["schemas"]["AnthropicOutputConfig"] | null;
            cache_control?: components["schemas"]["CacheControl"];
            /** @description Reasoning before the answer. */
            thinking?: components["schemas"]["AnthropicThinking"] | null;
            /**
             * @description How fast to answer.
             * @enum {string|null}
             */
            speed?: "standard" | "fast" | null;
            /** @description Clears old turns by rules. */
            context_management?: Record<string, never> | null;
            /** @description Servers of tools that Anthropic calls. */
            mcp_servers?: Record<string, never>[] | null;
            /** @description Has the server keep the conversation. */
            thread?: Record<string, never> | null;
            /** @description Models to ask in place of this one. */
            fallbacks?: Record<string, never>[] | null;
            /** @description A profile that is kept by Anthropic. */
            user_profile_id?: string | null;
            /** @description A workspace of Anthropic's. */
            workspace_id?: string | null;
        };
        /** @description One turn of the conversation; `role` decides its form. */
        AnthropicTurn: components["schemas"]["AnthropicUserTurn"] | components["schemas"]["AnthropicAssistantTurn"] | components["schemas"]["AnthropicSystemTurn"];
        AnthropicUserTurn: {
            /**
             * @description What the user says and shows. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            role: "user";
            /** @description A text, or blocks in reading order. */
            content: string | components["schemas"]["AnthropicUserBlock"][];
        };
        AnthropicAssistantTurn: {
            /**
             * @description What the model said. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            role: "assistant";
            /** @description A text, or blocks; the content of an earlier answer can be sent back as it is. */
            content: string | components["schemas"]["AnthropicAssistantBlock"][];
        };
        AnthropicSystemTurn: {
            /**
             * @description Instructions in the middle of a conversation, where the model's chat template knows any. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            role: "system";
            /** @description A text, or texts. */
            content: string | components["schemas"]["AnthropicSystemBlock"][];
        };
        AnthropicSystemBlock: components["schemas"]["AnthropicTextBlock"];
        AnthropicUserBlock: components["schemas"]["AnthropicTextBlock"] | components["schemas"]["AnthropicImageBlock"] | components["schemas"]["AnthropicDocumentBlock"] | components["schemas"]["AnthropicToolResultBlock"] | components["schemas"]["AnthropicSearchResultBlock"] | components["schemas"]["AnthropicServerToolUseBlock"] | components["schemas"]["AnthropicWebSearchBlock"] | components["schemas"]["AnthropicWebFetchBlock"] | components["schemas"]["AnthropicCodeBlock"] | components["schemas"]["AnthropicBashBlock"] | components["schemas"]["AnthropicEditorBlock"] | components["schemas"]["AnthropicToolSearchBlock"] | components["schemas"]["AnthropicContainerBlock"];
        AnthropicAssistantBlock: components["schemas"]["AnthropicTextBlock"] | components["schemas"]["AnthropicToolUseBlock"] | components["schemas"]["AnthropicThinkingBlock"] | components["schemas"]["AnthropicRedactedThinkingBlock"] | components["schemas"]["AnthropicSearchResultBlock"] | components["schemas"]["AnthropicServerToolUseBlock"] | components["schemas"]["AnthropicWebSearchBlock"] | components["schemas"]["AnthropicWebFetchBlock"] | components["schemas"]["AnthropicCodeBlock"] | components["schemas"]["AnthropicBashBlock"] | components["schemas"]["AnthropicEditorBlock"] | components["schemas"]["AnthropicToolSearchBlock"] | components["schemas"]["AnthropicContainerBlock"];
        AnthropicResultBlock: components["schemas"]["AnthropicTextBlock"] | components["schemas"]["AnthropicImageBlock"] | components["schemas"]["AnthropicDocumentBlock"] | components["schemas"]["AnthropicSearchResultBlock"] | components["schemas"]["AnthropicToolReferenceBlock"] | components["schemas"]["AnthropicBrowserStateBlock"];
        AnthropicImageSource: components["schemas"]["AnthropicBase64Image"] | components["schemas"]["AnthropicImageUrl"] | components["schemas"]["AnthropicFileSource"];
        AnthropicDocumentSource: components["schemas"]["AnthropicBase64Document"] | components["schemas"]["AnthropicTextSource"] | components["schemas"]["AnthropicContentSource"] | components["schemas"]["AnthropicFileSource"] | components["schemas"]["AnthropicDocumentUrl"];
        AnthropicSourceBlock: components["schemas"]["AnthropicTextBlock"] | components["schemas"]["AnthropicImageBlock"];
        AnthropicToolChoice: components["schemas"]["AnthropicChoiceAuto"] | components["schemas"]["AnthropicChoiceAny"] | components["schemas"]["AnthropicChoiceTool"] | components["schemas"]["AnthropicChoiceNone"];
        AnthropicThinking: components["schemas"]["AnthropicNoThinking"] | components["schemas"]["AnthropicThinkingOn"] | components["schemas"]["AnthropicThinkingAdaptive"] | components["schemas"]["AnthropicThinkingBetween"];
        AnthropicSearchResultBlock: {
            /**
             * @description A result of a search. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "search_result";
        };
        AnthropicServerToolUseBlock: {
            /**
             * @description A call of a tool that Anthropic runs. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "server_tool_use";
        };
        AnthropicWebSearchBlock: {
            /**
             * @description A result of such a tool. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "web_search_tool_result";
        };
        AnthropicWebFetchBlock: {
            /**
             * @description A result of such a tool. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "web_fetch_tool_result";
        };
        AnthropicCodeBlock: {
            /**
             * @description A result of such a tool. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "code_execution_tool_result";
        };
        AnthropicBashBlock: {
            /**
             * @description A result of such a tool. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "bash_code_execution_tool_result";
        };
        AnthropicEditorBlock: {
            /**
             * @description A result of such a tool. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "text_editor_code_execution_tool_result";
        };
        AnthropicToolSearchBlock: {
            /**
             * @description A result of such a tool. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "tool_search_tool_result";
        };
        AnthropicContainerBlock: {
            /**
             * @description A file for a container. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "container_upload";
        };
        AnthropicToolReferenceBlock: {
            /**
             * @description A tool that a search found. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "tool_reference";
        };
        AnthropicBrowserStateBlock: {
            /**
             * @description What a browser shows. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "browser_state";
        };
        AnthropicDocumentUrl: {
            /**
             * @description A document by URL. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "url";
            /**
             * @description An `https:` URL of a PDF document (`http:` where the server allows it), fetched by the rules for pictures; without `title` the
             *     model is told the last of its path as the name.
             */
            url: string;
        };
        AnthropicThinkingOn: {
            /**
             * @description Reason first. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "enabled";
        };
        AnthropicThinkingAdaptive: {
            /**
             * @description Reason where it helps. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "adaptive";
        };
        AnthropicThinkingBetween: {
            /**
             * @description Reason between calls. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "between_tools";
        };
        AnthropicTextBlock: {
            /**
             * @description A text. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "text";
            /** @description The text. */
            text: string;
            cache_control?: components["schemas"]["CacheControl"];
            /** @description Citations of an earlier answer. */
            citations?: Record<string, never>[] | null;
        };
        AnthropicImageBlock: {
            /**
             * @description A picture. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "image";
            /** @description Where it is. */
            source: components["schemas"]["AnthropicImageSource"];
            /** @description How to change the picture before it is seen. */
            transformations?: Record<string, never> | null;
            cache_control?: components["schemas"]["CacheControl"];
        };
        AnthropicDocumentBlock: {
            /**
             * @description A document or a text. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "document";
            /** @description Where it is. */
            source: components["schemas"]["AnthropicDocumentSource"];
            /** @description Its name, which the model is told. */
            title?: string | null;
            /** @description What there is to say of it; stands before it as a text. */
            context?: string | null;
            /** @description Whether the answer cites it. */
            citations?: components["schemas"]["AnthropicCitations"] | null;
            cache_control?: components["schemas"]["CacheControl"];
        };
        AnthropicCitations: {
            /** @description Whether the answer cites the document. */
            enabled?: boolean | null;
        };
        AnthropicToolUseBlock: {
            /**
             * @description A call of a tool. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "tool_use";
            /** @description The id that its result names. */
            id: string;
            /** @description The tool. */
            name: string;
            /** @description Its arguments. */
            input: Record<string, never>;
            caller?: components["schemas"]["AnthropicCaller"];
            toolset_name?: components["schemas"]["AnthropicToolset"];
            cache_control?: components["schemas"]["CacheControl"];
        };
        /** @description What called the tool. */
        AnthropicCaller: {
            /** @description `direct`: the model. */
            type: string;
        } | null;
        /** @description The set of tools that it is of. */
        AnthropicToolset: string | null;
        /** @description Marks the end of a prefix to keep. A hint that needs no answer, as prefixes of prompts are always kept while there is room. */
        CacheControl: {
            /** @constant */
            type: "ephemeral";
            /** @enum {string|null} */
            ttl?: "5m" | "1h" | null;
        } | null;
        AnthropicToolResultBlock: {
            /**
             * @description What a tool gave. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "tool_result";
            /** @description The call that it is the result of. */
            tool_use_id: string;
            /** @description A text, or texts, pictures and documents. */
            content?: string | components["schemas"]["AnthropicResultBlock"][] | null;
            /** @description The tool failed: the model reads `Error:` in front of the content. */
            is_error?: boolean | null;
            toolset_name?: components["schemas"]["AnthropicToolset"];
            cache_control?: components["schemas"]["CacheControl"];
        };
        AnthropicThinkingBlock: {
            /**
             * @description A thought of another model in an earlier turn. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "thinking";
            /** @description The thought. */
            thinking?: string;
            /** @description Its signature. */
            signature?: string;
        };
        AnthropicRedactedThinkingBlock: {
            /**
             * @description A thought of another model in an earlier turn. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "redacted_thinking";
            /** @description The thought. */
            data?: string;
        };
        AnthropicBase64Image: {
            /**
             * @description A picture as data. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "base64";
            /**
             * @description What it is; where the bytes are another of these, they decide.
             * @enum {string}
             */
            media_type: "image/jpeg" | "image/png" | "image/gif" | "image/webp";
            /** @description The bytes in base64. */
            data: string;
        };
        AnthropicImageUrl: {
            /**
             * @description A picture by URL. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "url";
            /** @description An `https:` URL (`http:` where the server allows it). */
            url: string;
        };
        AnthropicFileSource: {
            /**
             * @description A file by id. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "file";
            /** @description The id of a file that was uploaded to `/v1/files` with the same API key. */
            file_id: string;
        };
        AnthropicBase64Document: {
            /**
             * @description A PDF document as data. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "base64";
            /**
             * @description What it is.
             * @constant
             */
            media_type: "application/pdf";
            /** @description The bytes in base64. */
            data: string;
        };
        AnthropicTextSource: {
            /**
             * @description A text. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "text";
            /**
             * @description What it is.
             * @constant
             */
            media_type: "text/plain";
            /** @description The text. */
            data: string;
        };
        AnthropicContentSource: {
            /**
             * @description Texts and pictures. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "content";
            /** @description A text, or blocks in reading order. */
            content: string | components["schemas"]["AnthropicSourceBlock"][];
        };
        AnthropicNoThinking: {
            /**
             * @description Answer at once. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "disabled";
        };
        AnthropicChoiceAuto: {
            /**
             * @description The model decides. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "auto";
            /** @description At most one call an answer. */
            disable_parallel_tool_use?: boolean | null;
        };
        AnthropicChoiceAny: {
            /**
             * @description The model calls a tool. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "any";
            /** @description At most one call an answer. */
            disable_parallel_tool_use?: boolean | null;
        };
        AnthropicChoiceTool: {
            /**
             * @description The model calls this tool. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "tool";
            /** @description One of `tools`. */
            name: string;
            /** @description At most one call an answer. */
            disable_parallel_tool_use?: boolean | null;
        };
        AnthropicChoiceNone: {
            /**
             * @description The model calls none. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "none";
        };
        AnthropicTool: {
            /** @description `custom`: a function of the client's. */
            type?: string | null;
            /** @description Its name. */
            name: string;
            /** @description What it does. */
            description?: string | null;
            /** @description JSON Schema of its arguments, an object; needed. */
            input_schema?: Record<string, never> | null;
            /** @description Every call keeps to the schema, also where the model calls by its own choice. */
            strict?: boolean | null;
            /** @description Arguments are streamed as they are written. */
            eager_input_streaming?: boolean | null;
            /** @description What may call it. */
            allowed_callers?: string[] | null;
            /** @description Tell the model of it only when a search finds it. */
            defer_loading?: boolean | null;
            /** @description Examples of arguments. */
            input_examples?: Record<string, never>[] | null;
            cache_control?: components["schemas"]["CacheControl"];
        };
        AnthropicOutputConfig: {
            /** @description A JSON text that the schema allows. */
            format?: components["schemas"]["AnthropicOutputFormat"] | null;
            /**
             * @description How much to do for the answer.
             * @enum {string|null}
             */
            effort?: "low" | "medium" | "high" | "xhigh" | "max" | null;
            /** @description Tokens of a whole task. */
            task_budget?: Record<string, never> | null;
        };
        AnthropicOutputFormat: {
            /**
             * @description A JSON text.
             * @constant
             */
            type: "json_schema";
            /** @description JSON Schema, kept to. */
            schema: Record<string, never>;
        };
        AnthropicMetadata: {
            /** @description Your id of the end user. The access log has a short SHA-256 of it, never the value. */
            user_id?: string | null;
        };
        StreamOptions: {
            /** @description Send one more chunk with the token counts before `[DONE]`. */
            include_usage?: boolean | null;
            /** @description Have each chunk tell in `usage` what its choice has cost so far: the prompt, and the tokens of this choice alone. */
            continuous_usage_stats?: boolean | null;
            /** @description Pad chunks with random characters. Off here; OpenAI's default is on. */
            include_obfuscation?: boolean | null;
        };
        PromptCacheOptions: {
            /**
             * @description How prefixes to keep are chosen.
             * @enum {string|null}
             */
            mode?: "implicit" | "explicit" | null;
            /**
             * @description Least time to keep a prefix.
             * @enum {string|null}
             */
            ttl?: "30m" | null;
        };
        ResponseFormat: {
            /**
             * @description `text`: any text. `json_object`: a JSON object. `json_schema`: a JSON text that is valid under a schema.
             * @enum {string}
             */
            type: "text" | "json_object" | "json_schema";
            /** @description The schema to follow; with the type `json_schema`. */
            json_schema?: components["schemas"]["JsonSchemaFormat"] | null;
        };
        JsonSchemaFormat: {
            /** @description A name for it. */
            name: string;
            /** @description What it is for. The model is not told of it. */
            description?: string | null;
            /** @description A JSON Schema; keywords that cannot be kept to are refused by name. */
            schema: {
                [key: string]: unknown;
            };
            /** @description The schema is kept to in either case. */
            strict?: boolean | null;
        };
        StructuredOutputs: {
            /** @description A JSON Schema, as in `response_format`. */
            json?: {
                [key: string]: unknown;
            } | null;
            /** @description A regular expression of ECMAScript that the whole answer matches. */
            regex?: string | null;
            /** @description The answer is one of these texts. */
            choice?: string[] | null;
            /** @description A grammar in GBNF or EBNF; its rule `root` is the whole answer. */
            grammar?: string | null;
            /** @description The answer is a JSON object. */
            json_object?: boolean | null;
            /** @description Free text with parts that follow schemas. */
            structural_tag?: string | null;
            /** @description JSON without white space. */
            disable_any_whitespace?: boolean | null;
            /** @description No properties but those that are named. */
            disable_additional_properties?: boolean | null;
            /** @description White space of JSON texts. */
            whitespace_pattern?: string | null;
        };
        /** @description Pairs of short texts. */
        Metadata: {
            [key: string]: string;
        };
        /** @description One turn of the conversation; `role` decides its form. */
        Message: components["schemas"]["SystemMessage"] | components["schemas"]["DeveloperMessage"] | components["schemas"]["UserMessage"] | components["schemas"]["AssistantMessage"] | components["schemas"]["ToolMessage"] | components["schemas"]["FunctionMessage"];
        SystemMessage: {
            /**
             * @description Instructions to the model. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            role: "system";
            content: components["schemas"]["TextContent"];
            name?: components["schemas"]["ParticipantName"];
        };
        DeveloperMessage: {
            /**
             * @description Newer name of `system`; read the same way where the model's template has no such role. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            role: "developer";
            content: components["schemas"]["TextContent"];
            name?: components["schemas"]["ParticipantName"];
        };
        UserMessage: {
            /**
             * @description What the user says and shows. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            role: "user";
            /** @description A text, or parts in reading order. */
            content: string | components["schemas"]["UserPart"][];
            name?: components["schemas"]["ParticipantName"];
        };
        /** @description An earlier answer. A message object from an earlier response can be sent back as it is. */
        AssistantMessage: {
            /**
             * @description What the model said. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            role: "assistant";
            /** @description A text, text parts, or null. */
            content?: string | components["schemas"]["AssistantPart"][] | null;
            name?: components["schemas"]["ParticipantName"];
            /** @description The model's refusal in an earlier turn. */
            refusal?: string | null;
            /** @description Citations of an earlier turn. */
            annotations?: Record<string, never>[] | null;
            /** @description A spoken answer of an earlier turn. */
            audio?: Record<string, never> | null;
            /** @description Calls of an earlier turn. A `tool` message for each follows, in any order. */
            tool_calls?: components["schemas"]["ToolCallOfTurn"][] | null;
            /** @description What the `parse` of an official client has made of the text, sent back with it. The model reads the text itself. */
            parsed?: unknown;
            /**
             * @deprecated
             * @description Older form of `tool_calls`.
             */
            function_call?: Record<string, never> | null;
        };
        /** @description What a tool gave. */
        ToolMessage: {
            /**
             * @description What a tool gave. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            role: "tool";
            /** @description A text, or parts in reading order. */
            content: string | components["schemas"]["UserPart"][];
            /** @description The call of the assistant message before that this is the result of. */
            tool_call_id: string;
            /** @description The name of the function, as many clients send it. Which function it was is known from the call. */
            name?: string | null;
        };
        /**
         * @deprecated
         * @description The result of a function call.
         */
        FunctionMessage: {
            /**
             * @description The result of a function call. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            role: "function";
        };
        Tool: components["schemas"]["FunctionTool"] | components["schemas"]["CustomTool"];
        FunctionTool: {
            /**
             * @description A function of the client. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "function";
            function: components["schemas"]["FunctionDefinition"];
        };
        /** @description What the model is told of a function. */
        FunctionDefinition: {
            name: components["schemas"]["FunctionName"];
            /** @description What it does, and when to call it. */
            description?: string | null;
            /** @description JSON Schema of its arguments, an object. Absent, it takes none. */
            parameters?: Record<string, never> | null;
            /**
             * @description Arguments always follow the schema, also where the model calls by its own choice. A schema with a keyword
             *     that cannot be kept to is refused. Default false.
             */
            strict?: boolean | null;
        };
        /** @description Letters, digits, underscores and dashes. */
        FunctionName: string;
        CustomTool: {
            /**
             * @description A tool that takes a text or what a grammar allows. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "custom";
        };
        ToolChoiceObject: components["schemas"]["NamedToolChoice"] | components["schemas"]["AllowedToolsChoice"] | components["schemas"]["CustomTool"];
        NamedToolChoice: {
            /**
             * @description This function is called. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "function";
            /** @description The function. */
            function: {
                name: components["schemas"]["FunctionName"];
            };
        };
        AllowedToolsChoice: {
            /**
             * @description The model is told of all tools and may call these. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "allowed_tools";
            /** @description The tools, and whether one of them must be called. */
            allowed_tools: {
                /**
                 * @description Whether one of them must be called.
                 * @enum {string}
                 */
                mode: "auto" | "required";
                /** @description Each names a function of `tools`. */
                tools: components["schemas"]["NamedToolChoice"][];
            };
        };
        ToolCallOfTurn: components["schemas"]["FunctionCallOfTurn"] | components["schemas"]["CustomTool"];
        FunctionCallOfTurn: {
            /** @description As the answer had it. */
            id: string;
            /**
             * @description A call of a function. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "function";
            /** @description What was called. */
            function: {
                name: components["schemas"]["FunctionName"];
                /** @description A JSON text. What is none is shown to the model as it is. */
                arguments: string;
                /** @description What the `parse` of an official client has made of `arguments`, sent back with them. The model reads `arguments`. */
                parsed_arguments?: unknown;
            };
        };
        /** @description Tells participants of one role apart, where the model's chat template shows names. */
        ParticipantName: string | null;
        /** @description A text, or text parts in reading order. */
        TextContent: string | components["schemas"]["SystemPart"][];
        SystemPart: components["schemas"]["TextPart"];
        AssistantPart: components["schemas"]["TextPart"] | components["schemas"]["RefusalPart"];
        UserPart: components["schemas"]["TextPart"] | components["schemas"]["ImagePart"] | components["schemas"]["AudioPart"] | components["schemas"]["AudioUrlPart"] | components["schemas"]["FilePart"] | components["schemas"]["VideoPart"] | components["schemas"]["InputVideoPart"];
        TextPart: {
            /**
             * @description A text. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "text";
            /** @description The text. */
            text: string;
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        ImagePart: {
            /**
             * @description A picture. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "image_url";
            /** @description The picture, or its URL alone. */
            image_url: components["schemas"]["ImageUrl"] | string;
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        ImageUrl: {
            /** @description An `https:` URL (`http:` where the server allows it) or a `data:` URI. */
            url: string;
            /**
             * @description How closely to look. `low`: one overview tile; `high`: as many tiles as the model was trained for; `auto`
             *     (default): the model's usual choice. `/v1/models` says what each costs.
             * @enum {string|null}
             */
            detail?: "auto" | "low" | "high" | "original" | null;
        };
        /** @description Marks the end of a prefix to keep. */
        PromptCacheBreakpoint: Record<string, never> | null;
        RefusalPart: {
            /**
             * @description The model's refusal in an earlier turn. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "refusal";
        };
        AudioPart: {
            /**
             * @description A sound as data, or by the id of an uploaded file. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "input_audio";
            /** @description The sound. */
            input_audio: components["schemas"]["InputAudio"];
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        /** @description Exactly one of `data` and `file_id`. */
        InputAudio: {
            /** @description The file in base64. */
            data?: string | null;
            /** @description The id of a file that was uploaded to `/v1/files` with the same API key. */
            file_id?: string | null;
            /**
             * @description What the sound is. The bytes decide; a format that is not theirs is refused. May be missing.
             * @enum {string|null}
             */
            format?: "wav" | "mp3" | "flac" | "ogg" | "opus" | "m4a" | "mp4" | "aac" | "webm" | "aiff" | "caf" | "amr" | "mpga" | "mpeg" | "oga" | null;
        };
        AudioUrlPart: {
            /**
             * @description A sound by URL. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "audio_url";
            /** @description The sound, or its URL alone. */
            audio_url: components["schemas"]["AudioUrl"] | string;
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        AudioUrl: {
            /** @description An `https:` URL (`http:` where the server allows it) or a `data:` URI in base64. */
            url: string;
        };
        FilePart: {
            /**
             * @description A file by id or as data. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "file";
            /** @description The file. */
            file: components["schemas"]["FileReference"];
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        /** @description Exactly one of `file_id` and `file_data`. */
        FileReference: {
            /** @description The id of a file that was uploaded to `/v1/files` with the same API key. */
            file_id?: string | null;
            /** @description The file as a `data:` URI. */
            file_data?: string | null;
            /** @description The name of `file_data`, which the model is told where the file is a text or a document. */
            filename?: string | null;
            /** @description Of a PDF document: which pages, from 1, rising, as in `1-3,7`; default all. More than the model or the server takes are refused, never left out. */
            pages?: string | null;
            /**
             * @description Of a PDF document: what is put into the message of each page. Default `both` where the model sees pictures, else `text`.
             * @enum {string|null}
             */
            content?: "text" | "pictures" | "both" | null;
            /**
             * @description Of a picture, or of the pictures of a document's pages: as in `image_url`.
             * @enum {string|null}
             */
            detail?: "auto" | "low" | "high" | null;
        };
        VideoPart: {
            /**
             * @description A clip by URL. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "video_url";
            /** @description The clip and which of its frames are looked at, or its URL alone. */
            video_url: components["schemas"]["VideoUrl"] | string;
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        VideoUrl: {
            /** @description An `https:` URL (`http:` where the server allows it) or a `data:` URI. */
            url: string;
            fps?: components["schemas"]["VideoFps"];
            max_frames?: components["schemas"]["VideoMaxFrames"];
            start?: components["schemas"]["VideoStart"];
            end?: components["schemas"]["VideoEnd"];
            sampling?: components["schemas"]["VideoSampling"];
            times?: components["schemas"]["VideoTimes"];
            sound?: components["schemas"]["VideoSound"];
        };
        InputVideoPart: {
            /**
             * @description A clip as data, by the id of an uploaded file, or as frames. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "input_video";
            /** @description The clip and which of its frames are looked at. */
            input_video: components["schemas"]["InputVideo"];
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        /** @description Exactly one of `data`, `file_id` and `frames`. */
        InputVideo: {
            /** @description The file in base64. */
            data?: string | null;
            /** @description The id of a file that was uploaded to `/v1/files` with the same API key. */
            file_id?: string | null;
            /** @description Pictures of a clip that the client has cut up, in order; none of the sampling fields goes with them. */
            frames?: components["schemas"]["VideoFrame"][] | null;
            fps?: components["schemas"]["VideoFps"];
            max_frames?: components["schemas"]["VideoMaxFrames"];
            start?: components["schemas"]["VideoStart"];
            end?: components["schemas"]["VideoEnd"];
            sampling?: components["schemas"]["VideoSampling"];
            times?: components["schemas"]["VideoTimes"];
            sound?: components["schemas"]["VideoSound"];
        };
        /** @description Exactly one of `url` and `file_id`. */
        VideoFrame: {
            /** @description The picture, as of `image_url`. */
            url?: string | null;
            /** @description The id of an uploaded picture. */
            file_id?: string | null;
            /** @description Seconds from the beginning of the clip; more than that of the frame before. */
            time: number;
        };
        /** @description Frames a second. Missing, the family's own rule chooses; `/v1/models/{model}` says which that is. */
        VideoFps: number | null;
        /** @description Frames at most, spread evenly over what is looked at. Without `fps`, and of a family that goes by a number of frames, that number. */
        VideoMaxFrames: number | null;
        /** @description Seconds at which what is looked at begins. Default 0. */
        VideoStart: number | null;
        /** @description Seconds at which it ends; behind the end of the clip, that is meant. Default the end of the clip. */
        VideoEnd: number | null;
        /**
         * @description `uniform` (default): evenly, by the family's own rule. `keyframes`: frames that the clip's coding begins anew with, cheapest to
         *     decode. `scenes`: the first frame of each scene, which takes a pass over all that is looked at. As many as `uniform` would take at most,
         *     spread evenly. `/v1/tokenize` says where all of them begin.
         * @enum {string|null}
         */
        VideoSampling: "uniform" | "keyframes" | "scenes" | null;
        /**
         * @description Whether the model also hears the clip's first sound track, behind its frames: from `start` to `end` where these are given, else all of
         *     it. Refused where the clip has none or the model does not hear. Default false.
         */
        VideoSound: boolean | null;
        /** @description Seconds from the beginning of the clip, rising; the frame that is shown then is looked at. Excludes the other sampling fields. */
        VideoTimes: number[] | null;
        /** @description Exactly one of `messages` and `prompt`. */
        TokenizeRequest: {
            model: components["schemas"]["ModelName"];
            /** @description A conversation, as in `/v1/chat/completions`. */
            messages?: components["schemas"]["Message"][] | null;
            /** @description Functions that the model is told of, as in `/v1/chat/completions`; only with `messages`. */
            tools?: components["schemas"]["Tool"][] | null;
            /** @description With `none`, the model is not told of the tools. Everything else costs the same. */
            tool_choice?: ("none" | "auto" | "required") | components["schemas"]["ToolChoiceObject"] | null;
            /** @description A bare text, without a chat template, as `/v1/completions` reads it. */
            prompt?: string | null;
            /**
             * @description Of a `prompt`: count what the model's tokenizer itself adds in front, such as `<s>`. A chat template has written its
             *     own, so that of `messages` only `false` is accepted.
             * @default true
             */
            add_special_tokens: boolean | null;
            /** @description Also return the token ids. */
            return_ids?: boolean | null;
            /** @description Also return each token as text. */
            return_token_strs?: boolean | null;
            /** @description Of `messages`: count the beginning of the answer's turn, which the template writes. */
            add_generation_prompt?: boolean | null;
            /** @description Of `messages`: leave the last turn open. */
            continue_final_message?: boolean | null;
        };
        DetokenizeRequest: {
            model: components["schemas"]["ModelName"];
            /** @description Token ids; those of `/v1/tokenize` that stand for pictures and sounds are written as their placeholder. */
            tokens: number[];
        };
        TranscriptionRequest: {
            /** @description The sound, with a file name; what is in it decides the format, not the name. */
            file: string;
            /** @description A model id from `/v1/models`, of one whose `aerie.input_modalities` has `audio`. */
            model: string;
            /** @description Code (ISO 639-1) or English name of the language; without it, it is heard. */
            language?: string;
            /** @description Words that are to be expected, or what was said before the sound; the model reads the last 223 tokens of it. */
            prompt?: string;
            /**
             * @description Form of the answer; default `json`.
             * @enum {string}
             */
            response_format?: "json" | "text" | "srt" | "verbose_json" | "vtt" | "diarized_json";
            /**
             * @description 0, the default: the likeliest words, and where these are poor (they repeat themselves, or are unlikely), again at
             *     higher temperatures up to 1. Any other: words are drawn at that temperature; the same request draws the same.
             */
            temperature?: number;
            /**
             * @description Which times `verbose_json` has: of `segment`s, the default, of `word`s, or of both. Words cost a little time more, and
             *     need a checkpoint whose generation_config.json names its `alignment_heads`.
             */
            timestamp_granularities?: ("segment" | "word")[];
            /** @description Send the words as server-sent events, as they are written down. */
            stream?: boolean;
            /** @description What else to answer with. */
            include?: string[];
            /** @description How a long sound is cut. */
            chunking_strategy?: unknown;
            /** @description Names of speakers. */
            known_speaker_names?: string[];
            /** @description Samples of speakers. */
            known_speaker_references?: string[];
        };
        TranslationRequest: {
            /** @description The sound, with a file name; what is in it decides the format, not the name. */
            file: string;
            /** @description A model id from `/v1/models`, of one whose `aerie.input_modalities` has `audio`. */
            model: string;
            /** @description Words that are to be expected, in English; the model reads the last 223 tokens of it. */
            prompt?: string;
            /**
             * @description Form of the answer; default `json`.
             * @enum {string}
             */
            response_format?: "json" | "text" | "srt" | "verbose_json" | "vtt";
            /** @description As for transcriptions. */
            temperature?: number;
        };
        TranscriptionUsage: {
            /** @constant */
            type: "duration";
            /** @description Of sound, rounded up. */
            seconds: number;
        };
        Transcription: {
            text: string;
            usage: components["schemas"]["TranscriptionUsage"];
            aerie?: components["schemas"]["TranscriptRemarks"];
        };
        VerboseTranscription: {
            /** @constant */
            task: "transcribe";
            /** @description English name of the language. */
            language: string;
            /** @description Of the sound, in seconds. */
            duration: number;
            text: string;
            /** @description Where `timestamp_granularities` has `word`. */
            words?: components["schemas"]["TranscriptionWord"][];
            /** @description Where `timestamp_granularities` is missing or has `segment`. */
            segments?: components["schemas"]["TranscriptionSegment"][];
            usage: components["schemas"]["TranscriptionUsage"];
            aerie?: components["schemas"]["TranscriptRemarks"];
        };
        Translation: {
            text: string;
            aerie?: components["schemas"]["TranscriptRemarks"];
        };
        VerboseTranslation: {
            /** @constant */
            task: "translate";
            /**
             * @description Of the text.
             * @constant
             */
            language: "english";
            /** @description Of the sound, in seconds. */
            duration: number;
            text: string;
            segments: components["schemas"]["TranscriptionSegment"][];
            aerie?: components["schemas"]["TranscriptRemarks"];
        };
        /** @description What else is to be said of the sound; only of one of which a part is missing. */
        TranscriptRemarks: {
            /** @description Seconds that a WAV file says to have behind its end: it was cut short. The answer is of what there is. */
            missing_seconds: number;
        };
        TranscriptionWord: {
            /** @description With its punctuation, without spaces around it. */
            word: string;
            /** @description Seconds; not before the end of the word in front. */
            start: number;
            /** @description Seconds. */
            end: number;
        };
        TranscriptionSegment: {
            id: number;
            /** @description Where its window begins, in frames of 10 ms. */
            seek: number;
            /** @description Seconds. */
            start: number;
            /** @description Seconds. */
            end: number;
            text: string;
            /** @description Timestamps included. */
            tokens: number[];
            /** @description At which the window was written down. */
            temperature: number;
            /** @description Of the tokens of its window. */
            avg_logprob: number;
            compression_ratio: number;
            /** @description Probability that nobody speaks in its window. */
            no_speech_prob: number;
        };
        TranscriptTextDelta: {
            /** @constant */
            type: "transcript.text.delta";
            /** @description The words of one segment. */
            delta: string;
        };
        TranscriptTextDone: {
            /** @constant */
            type: "transcript.text.done";
            text: string;
            usage: components["schemas"]["TranscriptionUsage"];
            aerie?: components["schemas"]["TranscriptRemarks"];
        };
        FileUploadRequest: {
            /** @description The file, with its name. */
            file: string;
            /**
             * @description What it is for. Kept and listed; any file may be used in any way. A `batch` is looked into when the batch is made.
             * @enum {string}
             */
            purpose: "assistants" | "batch" | "fine-tune" | "vision" | "user_data" | "evals";
            /** @description When the file is deleted by itself; without it, never. */
            expires_after?: components["schemas"]["FileExpiry"];
        };
        FileExpiry: {
            /**
             * @description What the seconds are counted from.
             * @constant
             */
            anchor: "created_at";
            /** @description An hour to thirty days. */
            seconds: number;
        };
        FileListQuery: {
            /**
             * @description The page begins behind this file, which may have been deleted meanwhile: files can be deleted while they are
             *     listed.
             */
            after?: string;
            /** @description Most files of the page; default 1000. */
            limit?: number;
            /**
             * @description By the time of creation; default `desc`, the newest first.
             * @enum {string}
             */
            order?: "asc" | "desc";
            /** @description Only files of this purpose. */
            purpose?: components["schemas"]["FilePurpose"];
        };
        BatchCreateRequest: {
            /**
             * @description An uploaded file of the purpose `batch`, in UTF-8, one request a line. It must stay until the batch has ended: lines
             *     that are not done when it is deleted fail.
             */
            input_file_id: string;
            /**
             * @description The route of all its requests; `/v1/tokenize` is Aerie's own.
             * @enum {string}
             */
            endpoint: "/v1/chat/completions" | "/v1/completions" | "/v1/embeddings" | "/v1/tokenize" | "/v1/responses" | "/v1/moderations" | "/v1/images/generations" | "/v1/images/edits" | "/v1/videos";
            /**
             * @description How long its lines have. Those that are not done then are in the error file as `batch_expired`, and the batch is
             *     `expired`, with an output file of those that are.
             * @enum {string}
             */
            completion_window: "24h";
            /** @description Up to 16 pairs of your own, kept with the batch. */
            metadata?: components["schemas"]["Metadata"] | null;
            /** @description When output and error file are deleted by themselves, counted from when they are made; without it, never. */
            output_expires_after?: components["schemas"]["FileExpiry"] | null;
        };
        BatchListQuery: {
            /** @description The page begins behind this batch, in the order of the list. */
            after?: string;
            /** @description Most batches of the page; default 20. */
            limit?: number;
        };
        ResponseCreateRequest: {
            /** @description A model id from `/v1/models`. */
            model: string;
            /** @description A text, which a user says, or items, oldest first. With `previous_response_id`, what comes after it. */
            input: string | components["schemas"]["ResponseInputItem"][];
            /** @description A system message in front of the conversation. Not carried over by `previous_response_id`. */
            instructions?: string | null;
            /**
             * @description The stored response that this one goes on from: its whole conversation comes before `input`, with pictures, calls and
             *     results. Only a response that is `completed` or `incomplete`, of the same API key.
             */
            previous_response_id?: string | null;
            /** @description A conversation that items are taken from and added to. */
            conversation?: string | Record<string, never> | null;
            /**
             * @description Keep the response, so that it can be retrieved and gone on from. Default true. What cannot be kept is not generated. A server
             *     with `maxResponsesBytes: 0` keeps none and refuses true.
             */
            store?: boolean | null;
            /**
             * @description Answer at once with a response that is `queued`, and generate it whether or not anybody waits: poll it, cancel it, and
             *     with `stream` take up its stream again anywhere. Needs `store`.
             */
            background?: boolean | null;
            /** @description Up to 16 pairs of your own, kept with the response. */
            metadata?: components["schemas"]["Metadata"] | null;
            /** @description 0 always takes the most probable token; higher is more varied. Default of the model. */
            temperature?: number | null;
            /** @description Samples among the most probable tokens whose probabilities add up to this. */
            top_p?: number | null;
            /** @description Samples among this many most probable tokens; 0 and -1 mean all. */
            top_k?: number | null;
            /** @description Drops tokens less probable than this fraction of the most probable one. */
            min_p?: number | null;
            /** @description Subtracted from a token's logit once for each time the answer already has it. */
            frequency_penalty?: number | null;
            /** @description Subtracted from a token's logit if the answer already has it. */
            presence_penalty?: number | null;
            /** @description Divides positive and multiplies negative logits of tokens already seen; 1 is off. */
            repetition_penalty?: number | null;
            /**
             * @description The same seed and request give the same answer, alone or in a batch. Choice *i* uses seed + *i*. Given
             *     equal `system_fingerprint`.
             */
            seed?: number | null;
            /**
             * @description How many of the most probable tokens to list at each position. Above 0, log probabilities are returned as if `include` had
             *     `message.output_text.logprobs`.
             */
            top_logprobs?: number | null;
            /** @description Most tokens of the answer, calls included. A response that reaches them is `incomplete`. */
            max_output_tokens?: number | null;
            /**
             * @description What happens to a conversation that is too long for the model. `disabled` (default): 400. `auto`: as many of its oldest items
             *     are left out as have to be, never `instructions`, system and developer messages or what comes from the last user message on;
             *     a call goes together with its result. `aerie.dropped_items` says how many.
             * @enum {string|null}
             */
            truncation?: "auto" | "disabled" | null;
            /** @description The form of the answer's text. */
            text?: components["schemas"]["ResponseText"] | null;
            /** @description How much to reason before answering. */
            reasoning?: components["schemas"]["ResponseReasoning"] | null;
            /**
             * @description What else to return. `message.output_text.logprobs`: log probabilities of the answer's tokens. Pictures of stored input are always
             *     returned, and there is no reasoning to return, so that the other two change nothing.
             */
            include?: components["schemas"]["ResponseInclude"][] | null;
            /** @description Functions that the model may call. */
            tools?: components["schemas"]["ResponseTool"][] | null;
            /**
             * @description Whether to call a tool: `auto` (default), `none`, `required`, one function, or `allowed_tools`, those of `tools` that may be
             *     called now.
             */
            tool_choice?: ("none" | "auto" | "required") | components["schemas"]["ResponseToolChoiceParam"] | null;
            /** @description Whether the model may call more than one tool in one answer. Default true. */
            parallel_tool_calls?: boolean | null;
            /** @description Most calls of tools that the server runs itself in one response. */
            max_tool_calls?: number | null;
            /** @description Send the response as server-sent events while it is generated. */
            stream?: boolean | null;
            /** @description Options of a stream; needs `stream`. */
            stream_options?: components["schemas"]["ResponseStreamOptions"] | null;
            /**
             * @deprecated
             * @description Your id of the end user. The access log has a short SHA-256 of it, never the value, so that misuse can be
             *     traced back by whoever knows the id.
             */
            user?: string | null;
            /** @description Replaces `user`; treated the same way and takes precedence. */
            safety_identifier?: string | null;
            /** @description Prompt prefixes are reused only between requests of the same API key with the same value here (or none). */
            prompt_cache_key?: string | null;
            /**
             * @deprecated
             * @description How long prompt prefixes may be kept.
             * @enum {string|null}
             */
            prompt_cache_retention?: "in_memory" | "24h" | null;
            /** @description Control of prompt caching. */
            prompt_cache_options?: components["schemas"]["PromptCacheOptions"] | null;
            /**
             * @description `auto` and `default` are the ordinary queue; `flex` waits behind it, like `aerie.priority: batch`. When
             *     given, the answer says which was used.
             * @enum {string|null}
             */
            service_tier?: "auto" | "default" | "flex" | "scale" | "priority" | "fast" | null;
            /** @description A prompt that is stored at OpenAI. */
            prompt?: Record<string, never> | null;
            /** @description Compaction of long conversations. */
            context_management?: Record<string, never>[] | null;
            /** @description Moderate input and output. */
            moderation?: Record<string, never> | null;
            /** @description Options of generated pictures. */
            image?: Record<string, never> | null;
            /** @description Programs that grant access. */
            access_programs?: Record<string, never> | null;
            /** @description Aerie's own options. */
            aerie?: components["schemas"]["AerieOptions"] | null;
        };
        /** @description What `/v1/responses` would be asked, as far as it takes positions of the model's context. */
        ResponseInputTokensRequest: {
            /** @description A model id from `/v1/models`. */
            model: string;
            /** @description As of the request that it is to be. */
            input: string | components["schemas"]["ResponseInputItem"][];
            /** @description A system message in front of the conversation. */
            instructions?: string | null;
            /** @description The stored response that it would go on from. */
            previous_response_id?: string | null;
            /** @description A conversation. */
            conversation?: string | Record<string, never> | null;
            /** @description Functions that the model would be told of. */
            tools?: components["schemas"]["ResponseTool"][] | null;
            /** @description As of the request that it is to be. */
            tool_choice?: ("none" | "auto" | "required") | components["schemas"]["ResponseToolChoiceParam"] | null;
            /** @description As of the request that it is to be. */
            parallel_tool_calls?: boolean | null;
            /** @description As of the request that it is to be. */
            text?: components["schemas"]["ResponseText"] | null;
            /** @description As of the request that it is to be. */
            reasoning?: components["schemas"]["ResponseReasoning"] | null;
            /**
             * @description Counted is what was asked about, whether or not all of it fits.
             * @enum {string|null}
             */
            truncation?: "auto" | "disabled" | null;
            /** @description How the answer should sound. */
            personality?: string | null;
        };
        /** @description A conversation to make short; `input`, `previous_response_id` or both. */
        ResponseCompactRequest: {
            /** @description A model id from `/v1/models`. */
            model: string;
            /** @description As of `/v1/responses`; may be missing where `previous_response_id` is given. */
            input?: string | components["schemas"]["ResponseInputItem"][] | null;
            /** @description A system message in front of the conversation while it is summarised. It is no part of what comes back. */
            instructions?: string | null;
            /** @description The stored response whose whole conversation comes before `input`. */
            previous_response_id?: string | null;
            /** @description Prompt prefixes are reused only between requests of the same API key with the same value here (or none). */
            prompt_cache_key?: string | null;
            /**
             * @deprecated
             * @description How long prompt prefixes may be kept.
             * @enum {string|null}
             */
            prompt_cache_retention?: "in_memory" | "24h" | null;
            /** @description Control of prompt caching. */
            prompt_cache_options?: components["schemas"]["PromptCacheOptions"] | null;
            /**
             * @description `auto` and `default` are the ordinary queue; `flex` waits behind it, like `aerie.priority: batch`. When
             *     given, the answer says which was used.
             * @enum {string|null}
             */
            service_tier?: "auto" | "default" | "flex" | "scale" | "priority" | "fast" | null;
            /** @description Options of pictures. */
            image?: Record<string, never> | null;
        };
        ResponseRetrieveQuery: {
            /** @description As of the request; everything that there is is returned anyway. */
            include?: components["schemas"]["ResponseInclude"][];
            /**
             * @description The events of a response that was made with `background` and `stream`, from the first or behind `starting_after`, and on while
             *     it is generated. They are kept in the memory of the server that generates it, until others need the room.
             */
            stream?: boolean;
            /** @description The `sequence_number` behind which the stream begins; needs `stream`. */
            starting_after?: number;
            /** @description Pad events with random characters. */
            include_obfuscation?: boolean;
        };
        ResponseItemsQuery: {
            /** @description The page begins behind this item, in the order asked for. */
            after?: string;
            /** @description Most items of the page; default 20. */
            limit?: number;
            /**
             * @description Default `desc`, the last one first.
             * @enum {string}
             */
            order?: "asc" | "desc";
            /** @description Pictures are always returned. */
            include?: components["schemas"]["ResponseInclude"][];
        };
        /**
         * @description Something to return beside the rest.
         * @enum {string}
         */
        ResponseInclude: "message.output_text.logprobs" | "message.input_image.image_url" | "reasoning.encrypted_content" | "file_search_call.results" | "web_search_call.results" | "web_search_call.action.sources" | "computer_call_output.output.image_url" | "code_interpreter_call.outputs";
        ResponseStreamOptions: {
            /** @description Pad events with random characters. Off here; OpenAI's default is on. */
            include_obfuscation?: boolean | null;
        };
        ResponseReasoning: {
            /**
             * @description How much to reason before answering.
             * @enum {string|null}
             */
            effort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max" | null;
            /**
             * @description A summary of the reasoning; `auto`: where there is any.
             * @enum {string|null}
             */
            summary?: "auto" | "concise" | "detailed" | null;
            /**
             * @deprecated
             * @description Older name of `summary`.
             * @enum {string|null}
             */
            generate_summary?: "auto" | "concise" | "detailed" | null;
            /** @description How to reason. */
            mode?: string | null;
            /** @description Which reasoning is read again. */
            context?: string | null;
        };
        ResponseText: {
            /** @description What the text must look like. */
            format?: components["schemas"]["ResponseTextFormat"] | null;
            /**
             * @description How wordy the answer should be.
             * @enum {string|null}
             */
            verbosity?: "low" | "medium" | "high" | null;
        };
        ResponseTextFormat: components["schemas"]["ResponseFormatText"] | components["schemas"]["ResponseFormatJsonObject"] | components["schemas"]["ResponseFormatJsonSchema"];
        ResponseFormatText: {
            /**
             * @description Any text. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "text";
        };
        ResponseFormatJsonObject: {
            /**
             * @description A JSON object. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "json_object";
        };
        ResponseFormatJsonSchema: {
            /**
             * @description JSON that a schema allows. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "json_schema";
            /** @description Its name. */
            name: string;
            /** @description What it is for. Returned with the response; the model is not told. */
            description?: string | null;
            /** @description The JSON Schema. */
            schema: {
                [key: string]: unknown;
            };
            /** @description The schema is kept to in either case. */
            strict?: boolean | null;
        };
        ResponseTool: components["schemas"]["ResponseFunctionTool"] | components["schemas"]["ResponseHostedTool"];
        ResponseFunctionTool: {
            /**
             * @description A function that the client runs. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "function";
            /** @description Its name. */
            name: string;
            /** @description What it does; the model is told. */
            description?: string | null;
            /** @description JSON Schema of its arguments; without it, it takes none. */
            parameters?: {
                [key: string]: unknown;
            } | null;
            /** @description A call says nothing but what `parameters` allow. Default true. */
            strict?: boolean | null;
            /** @description Whether the model goes on before the result is there. */
            async?: boolean | null;
            /** @description Found by a search only. */
            defer_loading?: boolean | null;
            /** @description Who may call it. */
            allowed_callers?: string[] | null;
            /** @description JSON Schema of its result. */
            output_schema?: Record<string, never> | null;
        };
        ResponseHostedTool: {
            /**
             * @description A tool that OpenAI runs or defines. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "file_search" | "web_search" | "web_search_2025_08_26" | "web_search_preview" | "web_search_preview_2025_03_11" | "computer" | "computer_use_preview" | "mcp" | "code_interpreter" | "programmatic_tool_calling" | "image_generation" | "local_shell" | "shell" | "custom" | "namespace" | "tool_search" | "apply_patch";
        };
        ResponseToolChoice: components["schemas"]["ResponseFunctionChoice"] | components["schemas"]["ResponseAllowedTools"];
        ResponseToolChoiceParam: components["schemas"]["ResponseFunctionChoice"] | components["schemas"]["ResponseAllowedTools"] | components["schemas"]["ResponseHostedChoice"];
        ResponseHostedChoice: {
            /**
             * @description A tool that OpenAI runs or defines. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "file_search" | "web_search_preview" | "web_search_preview_2025_03_11" | "computer" | "computer_use" | "computer_use_preview" | "code_interpreter" | "image_generation" | "mcp" | "custom" | "programmatic_tool_calling" | "apply_patch" | "shell";
        };
        ResponseFunctionChoice: {
            /**
             * @description This function is called. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "function";
            /** @description The name of one of `tools`. */
            name: string;
        };
        ResponseAllowedTool: components["schemas"]["ResponseFunctionChoice"] | components["schemas"]["ResponseHostedTool"];
        ResponseAllowedTools: {
            /**
             * @description The model is told of all tools and may call only these. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "allowed_tools";
            /**
             * @description Whether one of them is called.
             * @enum {string}
             */
            mode: "none" | "auto" | "required";
            /** @description Functions by name. */
            tools: components["schemas"]["ResponseAllowedTool"][];
        };
        /** @description A message without `type` and the bare id of an item are taken as well. */
        ResponseInputItem: components["schemas"]["ResponseTypedItem"] | components["schemas"]["ResponseEasyMessage"] | components["schemas"]["ResponseBareReference"];
        ResponseTypedItem: components["schemas"]["ResponseMessageParam"] | components["schemas"]["ResponseFunctionCallParam"] | components["schemas"]["ResponseFunctionOutputParam"] | components["schemas"]["ResponseReferenceParam"] | components["schemas"]["ResponseCompactionParam"] | components["schemas"]["ResponseForeignItem"];
        ResponseMessageParam: {
            /**
             * @description A message; `type` may be missing. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "message";
            /** @description Its id, where it comes from a response; items without one get one. */
            id?: string | null;
            /**
             * @description Who says it.
             * @enum {string}
             */
            role: "user" | "assistant" | "system" | "developer";
            /** @description A text, or parts in reading order. Those of an assistant are texts. */
            content: string | components["schemas"]["ResponseContentPart"][];
            /**
             * @description What an assistant's message was in its answer. Kept with it; no model here tells them apart.
             * @enum {string|null}
             */
            phase?: "commentary" | "final_answer" | null;
            /**
             * @description As it came in a response.
             * @enum {string|null}
             */
            status?: "in_progress" | "completed" | "incomplete" | null;
        };
        ResponseEasyMessage: {
            /** @description Missing. */
            type?: null;
            /** @description Its id, where it comes from a response; items without one get one. */
            id?: string | null;
            /**
             * @description Who says it.
             * @enum {string}
             */
            role: "user" | "assistant" | "system" | "developer";
            /** @description A text, or parts in reading order. Those of an assistant are texts. */
            content: string | components["schemas"]["ResponseContentPart"][];
            /**
             * @description What an assistant's message was in its answer. Kept with it; no model here tells them apart.
             * @enum {string|null}
             */
            phase?: "commentary" | "final_answer" | null;
            /**
             * @description As it came in a response.
             * @enum {string|null}
             */
            status?: "in_progress" | "completed" | "incomplete" | null;
        };
        ResponseFunctionCallParam: {
            /**
             * @description A call that the model has made. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "function_call";
            /** @description Its id, where it comes from a response; items without one get one. */
            id?: string | null;
            /** @description The id of the call. */
            call_id: string;
            /** @description The name of the function. */
            name: string;
            /** @description Its arguments, a JSON text. */
            arguments: string;
            /** @description What the `parse` of an official client has made of `arguments`, sent back with them. The model reads `arguments`. */
            parsed_arguments?: unknown;
            /**
             * @description As it came in a response.
             * @enum {string|null}
             */
            status?: "in_progress" | "completed" | "incomplete" | null;
            /** @description Whether the model went on before the result was there. */
            async?: boolean | null;
            /** @description Who called it. */
            caller?: Record<string, never> | null;
            /** @description The namespace of the function. */
            namespace?: string | null;
        };
        ResponseFunctionOutputParam: {
            /**
             * @description The result of a call. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "function_call_output";
            /** @description Its id, where it comes from a response; items without one get one. */
            id?: string | null;
            /** @description The id of the call. */
            call_id: string;
            /** @description A text, or texts, pictures and files. */
            output: string | components["schemas"]["ResponseContentPart"][];
            /**
             * @description As it came in a response.
             * @enum {string|null}
             */
            status?: "in_progress" | "completed" | "incomplete" | null;
            /** @description The name of the function; the call has it. */
            name?: string | null;
            /** @description Who called it. */
            caller?: Record<string, never> | null;
            /** @description The namespace of the function. */
            namespace?: string | null;
        };
        ResponseReferenceParam: {
            /**
             * @description An item of a stored response, which stands here as if it had been sent again. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "item_reference";
            /** @description Its id. */
            id: string;
        };
        ResponseCompactionParam: {
            /**
             * @description What `/v1/responses/compact` has made of a conversation. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "compaction";
            /** @description Its id, where it comes from a response; items without one get one. */
            id?: string | null;
            /** @description As it came. The model reads the summary in it as a message of the assistant. */
            encrypted_content: string;
            /** @description Who made it. */
            created_by?: string | null;
        };
        ResponseBareReference: {
            /** @description Missing. */
            type?: null;
            /** @description Its id. */
            id: string;
        };
        ResponseForeignItem: {
            /**
             * @description Reasoning, and what tools that OpenAI runs have left. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "reasoning" | "compaction_trigger" | "configuration_update" | "additional_tools" | "file_search_call" | "web_search_call" | "computer_call" | "computer_call_output" | "image_generation_call" | "code_interpreter_call" | "local_shell_call" | "local_shell_call_output" | "shell_call" | "shell_call_output" | "apply_patch_call" | "apply_patch_call_output" | "mcp_list_tools" | "mcp_approval_request" | "mcp_approval_response" | "mcp_call" | "custom_tool_call" | "custom_tool_call_output" | "tool_search_call" | "tool_search_output" | "program" | "program_output";
        };
        ResponseContentPart: components["schemas"]["ResponseInputText"] | components["schemas"]["ResponseOutputTextParam"] | components["schemas"]["ResponseInputImage"] | components["schemas"]["ResponseInputFile"] | components["schemas"]["AudioPart"] | components["schemas"]["ResponseInputVideo"] | components["schemas"]["RefusalPart"];
        ResponseInputText: {
            /**
             * @description A text. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "input_text";
            /** @description The text. */
            text: string;
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        ResponseOutputTextParam: {
            /**
             * @description A text of an assistant, as it came in a response. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "output_text";
            /** @description The text. */
            text: string;
            /** @description Citations. */
            annotations?: Record<string, never>[] | null;
            /** @description Log probabilities of its tokens, as they came. They say nothing to the model, and are not kept. */
            logprobs?: Record<string, never>[] | null;
            /** @description What the `parse` of an official client has made of the text, sent back with it. The model reads the text itself. */
            parsed?: unknown;
        };
        /** @description Exactly one of `image_url` and `file_id`. */
        ResponseInputImage: {
            /**
             * @description A picture. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "input_image";
            /** @description An `https:` URL (`http:` where the server allows it) or a `data:` URI. */
            image_url?: string | null;
            /** @description The id of a file that was uploaded to `/v1/files` with the same API key. */
            file_id?: string | null;
            /**
             * @description How closely to look, as in chat completions.
             * @enum {string|null}
             */
            detail?: "auto" | "low" | "high" | "original" | null;
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        /** @description Exactly one of `file_id`, `file_data` and `file_url`. */
        ResponseInputFile: {
            /**
             * @description A file by id or as data, as in chat completions, or by URL. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "input_file";
            /** @description The id of a file that was uploaded to `/v1/files` with the same API key. */
            file_id?: string | null;
            /** @description The file as a `data:` URI. */
            file_data?: string | null;
            /** @description The name of `file_data`, which the model is told where the file is a text or a document. */
            filename?: string | null;
            /**
             * @description An `https:` URL of a PDF document (`http:` where the server allows it), fetched by the rules for pictures; without `filename`
             *     the model is told the last of its path as the name.
             */
            file_url?: string | null;
            /** @description Of a PDF document: which pages, as in chat completions. */
            pages?: string | null;
            /**
             * @description Of a PDF document: what is put into the message of each page, as in chat completions.
             * @enum {string|null}
             */
            content?: "text" | "pictures" | "both" | null;
            /**
             * @description Of a picture, or of the pictures of a document's pages.
             * @enum {string|null}
             */
            detail?: "auto" | "low" | "high" | null;
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        /** @description Exactly one of `video_url` and `input_video`. */
        ResponseInputVideo: {
            /**
             * @description A clip. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "input_video";
            /** @description The clip by URL, or an object as in chat completions. */
            video_url?: components["schemas"]["VideoUrl"] | string | null;
            /** @description The clip as data, by file id or as frames, as in chat completions. */
            input_video?: components["schemas"]["InputVideo"] | null;
            prompt_cache_breakpoint?: components["schemas"]["PromptCacheBreakpoint"];
        };
        EmbeddingRequest: {
            /** @description A model id from `/v1/models`, of one whose `aerie.output_modalities` has `embedding`. */
            model: string;
            /**
             * @description The pictures and texts, one embedding each. A picture is an `https:` URL (`http:` where the server allows it) or a
             *     `data:` URI, as a string or as an `image_url` part; every other string is a text, and so is a `text` part, whatever
             *     it begins with. An array of integers is one text as token ids, an array of such arrays several: of the model's own tokenizer,
             *     with the tokens that it puts around a text; nothing is added to them.
             */
            input: string | components["schemas"]["EmbeddingInput"][];
            /**
             * @description `float` (default): a list of numbers. `base64`: the same as 32-bit floats, little-endian. The official clients
             *     ask for it by themselves and unpack it.
             * @enum {string|null}
             */
            encoding_format?: "float" | "base64" | null;
            /** @description Length of a vector. */
            dimensions?: number | null;
            /** @description Your id of the end user. The access log has a short SHA-256 of it, never the value. */
            user?: string | null;
            /** @description Aerie's own options. */
            aerie?: components["schemas"]["EmbeddingOptions"] | null;
        };
        /** @description When given, even empty, the answer has a field `aerie` as well. */
        EmbeddingOptions: {
            /**
             * @description What of the tower: `summary` (default), `features` (the map of its patches), the name of an adaptor (the
             *     summary in its teacher's language) or `NAME.features` (the map in it). `/v1/models/{model}` lists them.
             */
            output?: string | null;
            /**
             * @description The size in pixels at which pictures are seen. `auto` (default): their own, brought to the nearest multiple of
             *     the model's step, bilinear as the published examples do; larger ones than the model or the server takes are
             *     scaled down. `preferred`: the one that the model is best at. Or `height` and `width`, multiples of the step.
             *     Named sizes are resized to as CLIPImageProcessor does (bicubic, antialiased), whatever the aspect.
             */
            size?: ("auto" | "preferred") | components["schemas"]["EmbeddingSize"] | null;
            /** @description Milliseconds after which the request ends with `deadline_exceeded`. The server's own limit caps it. */
            deadline_ms?: number | null;
        };
        EmbeddingSize: {
            /** @description In pixels. */
            height: number;
            /** @description In pixels. */
            width: number;
        };
        EmbeddingInput: string | components["schemas"]["EmbeddingPart"] | number | number[];
        EmbeddingPart: components["schemas"]["EmbeddingImagePart"] | components["schemas"]["EmbeddingTextPart"];
        EmbeddingImagePart: {
            /**
             * @description A picture. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "image_url";
            /** @description The picture, or its URL alone. */
            image_url: components["schemas"]["EmbeddingImageUrl"] | string;
        };
        EmbeddingImageUrl: {
            /** @description An `https:` URL (`http:` where the server allows it) or a `data:` URI. */
            url: string;
            /**
             * @description How closely to look.
             * @enum {string|null}
             */
            detail?: "auto" | "low" | "high" | "original" | null;
        };
        EmbeddingTextPart: {
            /**
             * @description A text. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "text";
            /** @description The text, whatever it begins with. */
            text: string;
        };
        EmbeddingList: {
            /** @constant */
            object: "list";
            data: components["schemas"]["Embedding"][];
            model: string;
            usage: {
                /** @description Patches of all pictures, which are a tower's tokens, and tokens of all texts. */
                prompt_tokens: number;
                /** @description The same. */
                total_tokens: number;
            };
            /** @description Only where the request has `aerie`. */
            aerie?: {
                output: string;
            };
        };
        Embedding: {
            /** @constant */
            object: "embedding";
            /** @description Of the input. */
            index: number;
            /** @description Numbers, or with `encoding_format` base64 the same as 32-bit floats, little-endian. */
            embedding: number[] | string;
            /** @description Only where the request has `aerie`; `source`, `seen` and `patches` of a picture, `tokens` of a text. */
            aerie?: {
                /** @description `[channels]` of a summary; `[rows, columns, channels]` of a map, row-major. */
                shape: number[];
                source?: components["schemas"]["PictureSize"];
                seen?: components["schemas"]["PictureSize"];
                patches?: number;
                tokens?: number;
                /** @description It came from the cache; nothing was decoded or encoded. */
                cached: boolean;
            };
        };
        /** @description In pixels. `source`: upright, before any resize. `seen`: what the tower read. */
        PictureSize: {
            height: number;
            width: number;
        };
        ChatCompletion: {
            id: string;
            /** @constant */
            object: "chat.completion";
            /** @description Unix seconds. */
            created: number;
            model: string;
            /** @description Changes whenever the weights, the runtime or the server's version do. */
            system_fingerprint: string;
            /**
             * @description The tier that was used; present when the request named one.
             * @enum {string}
             */
            service_tier?: "default" | "flex";
            metadata?: components["schemas"]["Metadata"];
            choices: {
                index: number;
                message: components["schemas"]["AnswerMessage"];
                logprobs: components["schemas"]["Logprobs"] | null;
                finish_reason: components["schemas"]["FinishReason"];
            }[];
            usage: components["schemas"]["Usage"];
            aerie?: components["schemas"]["Explanation"] | components["schemas"]["MediaSeen"];
        };
        AnswerMessage: {
            /** @constant */
            role: "assistant";
            /** @description Null where the answer is calls of tools and nothing else. */
            content: string | null;
            refusal: null;
            tool_calls?: components["schemas"]["ToolCall"][];
        };
        ToolCall: {
            id: string;
            /** @constant */
            type: "function";
            function: {
                name: string;
                /** @description A JSON text. */
                arguments: string;
            };
        };
        /** @description The first of a call has its id, type and name; the arguments of all, one after the other, are a JSON text. */
        ToolCallDelta: {
            index: number;
            id?: string;
            /** @constant */
            type?: "function";
            function?: {
                name?: string;
                arguments?: string;
            };
        };
        /**
         * @description `stop`: the model ended, or a stop text came. `length`: the token limit or the context ended. `tool_calls`: it called tools.
         * @enum {string}
         */
        FinishReason: "stop" | "length" | "tool_calls";
        ChatCompletionChunk: {
            id: string;
            /** @constant */
            object: "chat.completion.chunk";
            /** @description Unix seconds. */
            created: number;
            model: string;
            system_fingerprint: string;
            /** @enum {string} */
            service_tier?: "default" | "flex";
            choices: {
                index: number;
                delta: {
                    /** @constant */
                    role?: "assistant";
                    content?: string;
                    refusal?: null;
                    tool_calls?: components["schemas"]["ToolCallDelta"][];
                };
                logprobs: components["schemas"]["Logprobs"] | null;
                finish_reason: components["schemas"]["FinishReason"] | null;
            }[];
            /**
             * @description Present only with `stream_options.include_usage`, null but for the last chunk; and in every chunk with `continuous_usage_stats`,
             *     of its choice so far.
             */
            usage?: components["schemas"]["Usage"] | null;
            aerie?: components["schemas"]["Explanation"] | components["schemas"]["MediaSeen"];
        };
        Completion: {
            id: string;
            /** @constant */
            object: "text_completion";
            /** @description Unix seconds. */
            created: number;
            model: string;
            /** @description Changes whenever the weights, the runtime or the server's version do. */
            system_fingerprint: string;
            /** @description Those of prompt *p* are numbered from *p* · `n`. */
            choices: {
                index: number;
                text: string;
                logprobs: components["schemas"]["CompletionLogprobs"] | null;
                /** @enum {string} */
                finish_reason: "stop" | "length";
            }[];
            usage: components["schemas"]["Usage"];
        };
        CompletionChunk: {
            id: string;
            /** @constant */
            object: "text_completion";
            /** @description Unix seconds. */
            created: number;
            model: string;
            system_fingerprint: string;
            choices: {
                index: number;
                text: string;
                logprobs: components["schemas"]["CompletionLogprobs"] | null;
                /** @enum {string|null} */
                finish_reason: "stop" | "length" | null;
            }[];
            /**
             * @description Present only with `stream_options.include_usage`, null but for the last chunk; and in every chunk with `continuous_usage_stats`,
             *     of its choice so far.
             */
            usage?: components["schemas"]["Usage"] | null;
        };
        /** @description Four lists of one length. */
        CompletionLogprobs: {
            /** @description A token that is no text by itself is written as its bytes: `bytes:\xe2\x80`. */
            tokens: string[];
            /** @description Null for the first token of a prompt. */
            token_logprobs: (number | null)[];
            /**
             * @description By token: the most probable ones, and the one that stands there where it is none of them. Null for the first token of a
             *     prompt.
             */
            top_logprobs: ({
                [key: string]: number;
            } | null)[];
            /** @description Unicode characters of the choice's text, its prompt included with `echo`, before each token. */
            text_offset: number[];
        };
        Logprobs: {
            content: {
                token: string;
                logprob: number;
                bytes: components["schemas"]["TokenBytes"];
                top_logprobs: {
                    token: string;
                    logprob: number;
                    bytes: components["schemas"]["TokenBytes"];
                }[];
            }[];
            refusal: null;
        };
        /** @description UTF-8 bytes of the token, which may be part of a character; null for special tokens. */
        TokenBytes: number[] | null;
        Usage: {
            /** @description Positions of the prompt, pictures included. */
            prompt_tokens: number;
            /** @description Tokens of all choices together. */
            completion_tokens: number;
            total_tokens: number;
            prompt_tokens_details: {
                /** @description Not computed again. */
                cached_tokens: number;
                text_tokens: number;
                image_tokens: number;
                /** @description Of frames of clips. */
                video_tokens: number;
                /** @description Of sounds. */
                audio_tokens: number;
            };
            completion_tokens_details: {
                text_tokens: number;
                /** @constant */
                reasoning_tokens: 0;
                /** @constant */
                audio_tokens: 0;
                /** @constant */
                accepted_prediction_tokens: 0;
                /** @constant */
                rejected_prediction_tokens: 0;
            };
        };
        /** @description What the model saw. Only when asked for. */
        Explanation: {
            prompt: {
                /** @description The prompt as the chat template renders it, one placeholder a picture. */
                text: string;
                tokens: number;
            };
            images: components["schemas"]["ImageSeen"][];
            /** @description Absent where there are none. */
            videos?: components["schemas"]["VideoSeen"][];
            /** @description Absent where there are none. */
            sounds?: components["schemas"]["SoundSeen"][];
            /** @description Absent where there are none. */
            documents?: components["schemas"]["DocumentSeen"][];
            decoding: {
                kv_cache_type: components["schemas"]["KvCacheType"];
                /** @description Tokens of all choices that were guessed and computed on trial. */
                drafted_tokens: number;
                /** @description Of those the ones that were then chosen. The answer is the same without. */
                accepted_tokens: number;
            };
            /** @description What was added to the model's weights; absent where nothing was. */
            adapter?: {
                name: string;
                /** @description SHA-256 over its files. */
                digest: string;
                /** @description The largest of its modules. */
                rank: number;
            };
            timings_ms: components["schemas"]["StationTimes"];
            /** @description Of `/v1/responses` with `truncation: auto`, and of `/v1/responses/compact`: the oldest items, which did not fit. Absent where all did. */
            dropped_items?: number;
        };
        /** @description What was seen of each clip and heard of each sound, in every answer about any. */
        MediaSeen: {
            videos?: components["schemas"]["VideoSeen"][];
            sounds?: components["schemas"]["SoundSeen"][];
            /** @description Of `/v1/responses` with `truncation: auto`, and of `/v1/responses/compact`: the oldest items, which did not fit. Absent where all did. */
            dropped_items?: number;
        };
        /** @description The fields behind `tokens` only when the answer is explained. */
        SoundSeen: {
            /** @description The field of the request. */
            param: string;
            /** @description Seconds that were heard. */
            duration: number;
            /** @description Positions that it takes in the prompt. */
            tokens: number;
            /** @description In which it was heard, the last one filled up with silence. */
            windows?: number;
            /** @description As of `input_audio`; absent where the first bytes do not tell. */
            format?: string;
            /** @description Where the first bytes tell: mp3, flac, opus, … */
            codec?: string;
            bytes?: number;
            /** @description Of the bytes. */
            sha256?: string;
            /** @description The uploaded file that it is. */
            file_id?: string;
            /** @description The features came from the cache: the sound was decoded, as nothing else tells its length, and no tower heard it. */
            cached?: boolean;
            /**
             * @description Which one.
             * @enum {string}
             */
            cache?: "memory" | "disk";
            timings_ms?: components["schemas"]["StationTimes"];
        };
        /** @description The fields behind `tokens` only when the answer is explained. */
        VideoSeen: {
            /** @description The field of the request. */
            param: string;
            /** @description Seconds: what was looked at, from here… */
            start: number;
            /** @description …to here. */
            end: number;
            /** @description Of the clip; of a list of frames, from the first to the last. */
            duration: number;
            /** @enum {string} */
            sampling: "uniform" | "keyframes" | "scenes" | "times";
            /** @description Seconds at which each frame that the model sees was looked for; the frame is the one that a player shows then. Prompts that say times say these. */
            times: number[];
            /** @description Positions that its frames take in the prompt. */
            tokens: number;
            /** @description Of `/v1/tokenize` with the `sampling` `scenes`: `start`, and the seconds behind it, up to `end`, at which another scene begins, however many of them a model is shown; of more than ten thousand the clearest. */
            scenes?: number[];
            /** @description Since when the frame that was found at each of `times` is shown. */
            shown_from?: number[];
            tiles_per_frame?: number;
            /** @description Frames whose features came from the cache; these were neither decoded nor encoded. */
            cached_frames?: number;
            /**
             * @description What was done to the frames; earlier, where the features come from the cache.
             * @example [
             *       "turned by 90°",
             *       "HDR (PQ) → SDR"
             *     ]
             */
            conversions?: string[];
            /** @description What its file says of itself; absent for a list of frames. */
            clip?: {
                /** @description ffmpeg's name of the container. */
                format: string;
                /** @description ffmpeg's name of the coding. */
                codec: string;
                bytes: number;
                /** @description Of the bytes. */
                sha256: string;
                /** @description The uploaded file that it is. */
                file_id?: string;
                /** @description Upright, in square pixels. */
                width: number;
                height: number;
                /** @description On average. */
                fps: number;
                frames: number;
                /** @description Heard where the request says `sound`. */
                has_sound: boolean;
            };
            timings_ms?: components["schemas"]["StationTimes"];
        };
        DocumentSeen: {
            /** @description The field of the request. */
            param: string;
            /** @description The uploaded file that it is. */
            file_id?: string;
            filename?: string;
            bytes: number;
            /** @description Of the bytes. */
            sha256: string;
            /** @description Pages that it has. */
            page_count: number;
            /** @description The pages that were put into the message. */
            pages: number[];
            /** @enum {string} */
            content: "text" | "pictures" | "both";
            /** @description How many of `pages` have any text; 0 where none was looked for. */
            pages_with_text: number;
        };
        /**
         * @description What keys and values are kept as.
         * @enum {string}
         */
        KvCacheType: "f32" | "f16" | "int8";
        ImageSeen: {
            /** @description The field of the request. */
            param: string;
            /** @enum {string} */
            detail: "auto" | "low" | "high";
            /**
             * @example jpeg
             * @example png
             */
            format: string;
            bytes: number;
            /** @description Of the bytes. */
            sha256: string;
            /** @description The uploaded file that it is, or is a page of; absent for pictures that came otherwise. */
            file_id?: string;
            /** @description The page of a document that it is; `bytes` and `sha256` are the document's. */
            page?: number;
            /** @description Upright, in pixels, before any resize. */
            width: number;
            height: number;
            /**
             * @description What was done to the pixels, in order; earlier, where the features come from the cache.
             * @example [
             *       "EXIF orientation 6 applied",
             *       "Display P3 → sRGB"
             *     ]
             */
            conversions: string[];
            tiles: number;
            /** @description The level with the most tiles. */
            grid: {
                rows: number;
                columns: number;
            };
            /** @description Grids over the picture, in the order in which the model reads their tiles, each row-major: where there are two, the second is often the whole picture as one tile. */
            levels: {
                rows: number;
                columns: number;
                /** @description What the grid covers, in pixels of the upright picture: more than it where it is padded (`left` or `top` is then negative), less where it is cropped. */
                area: {
                    left: number;
                    top: number;
                    width: number;
                    height: number;
                };
            }[];
            towers: {
                name: string;
                /** @description Side of the square input in pixels. */
                input_size: number;
            }[];
            /** @description Positions that the picture takes in the prompt. */
            tokens: number;
            /** @description The features came from the cache; nothing was decoded or encoded. */
            cached: boolean;
            /**
             * @description Which one; absent where they were computed.
             * @enum {string}
             */
            cache?: "memory" | "disk";
            timings_ms: components["schemas"]["StationTimes"];
        };
        /** @description Milliseconds at each station, summed over pictures; a station that was skipped is absent. */
        StationTimes: {
            /** @description Getting the bytes. */
            fetch?: number;
            /** @description Bytes to pixels. */
            decode?: number;
            /** @description Resizing, tiling, normalising. */
            preprocess?: number;
            /** @description Reading features that lay on disk. */
            disk?: number;
            /** @description Vision towers and projector, waiting included. */
            encode?: number;
            /** @description Waiting for the engine. */
            queue?: number;
            /** @description Reading the prompt. */
            prefill?: number;
            /** @description Generating. */
            decode_tokens?: number;
        };
        ResponseObject: {
            access_programs: null;
            id: string;
            /** @constant */
            object: "response";
            /** @description Unix seconds. */
            created_at: number;
            /** @description Unix seconds; null unless it is completed. */
            completed_at: number | null;
            /** @enum {string} */
            status: "queued" | "in_progress" | "completed" | "incomplete" | "failed" | "cancelled";
            background: boolean;
            /** @description Why it failed. */
            error: {
                /** @description One of docs/errors.md. */
                code: string;
                message: string;
            } | null;
            incomplete_details: {
                /** @constant */
                reason: "max_output_tokens";
            } | null;
            instructions: string | null;
            max_output_tokens: number | null;
            max_tool_calls: number | null;
            model: string;
            output: components["schemas"]["ResponseOutputItem"][];
            parallel_tool_calls: boolean;
            previous_response_id: string | null;
            prompt_cache_key: string | null;
            reasoning: {
                /** @enum {string|null} */
                effort: "none" | null;
                summary: null;
            };
            safety_identifier: string | null;
            /** @description Present when the request had it. */
            user?: string;
            /** @enum {string} */
            service_tier: "default" | "flex";
            store: boolean;
            /** @description What is sampled with: as asked, or the model's own default. 1 where nothing was asked for and nothing is sampled yet. */
            temperature: number;
            text: {
                format: components["schemas"]["ResponseTextFormat"];
                /** @constant */
                verbosity: "medium";
            };
            tool_choice: ("none" | "auto" | "required") | components["schemas"]["ResponseToolChoice"];
            tools: {
                /** @constant */
                type: "function";
                name: string;
                description: string | null;
                parameters: Record<string, never> | null;
                strict: boolean;
            }[];
            top_logprobs: number;
            /** @description Likewise. */
            top_p: number;
            presence_penalty: number;
            frequency_penalty: number;
            /** @enum {string} */
            truncation: "auto" | "disabled";
            /** @description Null until it has ended, and of a response that did not get to its figures. */
            usage: components["schemas"]["ResponseUsage"] | null;
            metadata: components["schemas"]["Metadata"];
            aerie?: components["schemas"]["Explanation"] | components["schemas"]["MediaSeen"];
        };
        ResponseUsage: {
            /** @description Positions of the prompt, pictures included. */
            input_tokens: number;
            input_tokens_details: {
                /** @description Not computed again. */
                cached_tokens: number;
                /**
                 * @description Prefixes are kept without being asked.
                 * @constant
                 */
                cache_write_tokens: 0;
                text_tokens: number;
                image_tokens: number;
                video_tokens: number;
                audio_tokens: number;
            };
            output_tokens: number;
            output_tokens_details: {
                /** @constant */
                reasoning_tokens: 0;
            };
            total_tokens: number;
        };
        ResponseOutputItem: components["schemas"]["ResponseOutputMessage"] | components["schemas"]["ResponseFunctionCall"];
        /** @enum {string} */
        ResponseItemStatus: "in_progress" | "completed" | "incomplete";
        ResponseOutputMessage: {
            /** @constant */
            type: "message";
            id: string;
            /** @constant */
            role: "assistant";
            status: components["schemas"]["ResponseItemStatus"];
            content: components["schemas"]["ResponseOutputText"][];
        };
        ResponseOutputText: {
            /** @constant */
            type: "output_text";
            text: string;
            annotations: unknown[];
            logprobs: components["schemas"]["ResponseLogprob"][];
        };
        ResponseLogprob: {
            token: string;
            logprob: number;
            /** @description UTF-8 bytes of the token; none of a special token. */
            bytes: number[];
            top_logprobs: {
                token: string;
                logprob: number;
                /** @description UTF-8 bytes of the token; none of a special token. */
                bytes: number[];
            }[];
        };
        ResponseFunctionCall: {
            /** @constant */
            type: "function_call";
            id: string;
            call_id: string;
            name: string;
            arguments: string;
            status: components["schemas"]["ResponseItemStatus"];
        };
        /** @description An item of the input, as it was sent, with what may be left out. */
        ResponseStoredItem: {
            /** @constant */
            type: "message";
            id: string;
            /** @enum {string} */
            role: "user" | "assistant" | "system" | "developer";
            status: components["schemas"]["ResponseItemStatus"];
            /** @enum {string} */
            phase?: "commentary" | "final_answer";
            content: {
                type: string;
            }[];
        } | components["schemas"]["ResponseFunctionCall"] | {
            /** @constant */
            type: "function_call_output";
            id: string;
            call_id: string;
            output: string | {
                type: string;
            }[];
            status: components["schemas"]["ResponseItemStatus"];
        } | components["schemas"]["ResponseCompactionItem"];
        ResponseCompactionItem: {
            /** @constant */
            type: "compaction";
            id: string;
            /** @description Opaque, and not secret from whoever has it. See docs/responses.md. */
            encrypted_content: string;
        };
        ResponseCompaction: {
            id: string;
            /** @constant */
            object: "response.compaction";
            /** @description Unix seconds. */
            created_at: number;
            /** @description The messages of the user, and one `compaction` item behind them. */
            output: components["schemas"]["ResponseStoredItem"][];
            usage: components["schemas"]["ResponseUsage"];
            /** @description Absent where the summary is of the whole conversation. */
            aerie?: {
                /** @description Of `/v1/responses` with `truncation: auto`, and of `/v1/responses/compact`: the oldest items, which did not fit. Absent where all did. */
                dropped_items: number;
            };
        };
        ResponseItemList: {
            /** @constant */
            object: "list";
            data: components["schemas"]["ResponseStoredItem"][];
            first_id: string | null;
            last_id: string | null;
            /** @description Whether there are items behind the last one. */
            has_more: boolean;
        };
        ResponseDeleted: {
            id: string;
            /** @constant */
            object: "response";
            /** @constant */
            deleted: true;
        };
        ResponseInputTokens: {
            /** @constant */
            object: "response.input_tokens";
            input_tokens: number;
        };
        /**
         * @description One event of a stream. `sequence_number` counts from 0. `response.created`, of a response in the background `response.queued`, and
         *     `response.in_progress`; then item by item `response.output_item.added`, of a message `response.content_part.added`, deltas, `.done`, and
         *     `response.output_item.done`; at last `response.completed`, `response.incomplete`, or `error` and `response.failed`.
         */
        ResponseEvent: {
            /** @enum {string} */
            type: "response.created" | "response.queued" | "response.in_progress" | "response.completed" | "response.incomplete" | "response.failed";
            sequence_number: number;
            response: components["schemas"]["ResponseObject"];
        } | {
            /** @enum {string} */
            type: "response.output_item.added" | "response.output_item.done";
            sequence_number: number;
            output_index: number;
            item: components["schemas"]["ResponseOutputItem"];
        } | {
            /** @enum {string} */
            type: "response.content_part.added" | "response.content_part.done";
            sequence_number: number;
            item_id: string;
            output_index: number;
            /** @constant */
            content_index: 0;
            part: components["schemas"]["ResponseOutputText"];
        } | {
            /** @constant */
            type: "response.output_text.delta";
            sequence_number: number;
            item_id: string;
            output_index: number;
            /** @constant */
            content_index: 0;
            delta: string;
            logprobs: components["schemas"]["ResponseLogprob"][];
        } | {
            /** @constant */
            type: "response.output_text.done";
            sequence_number: number;
            item_id: string;
            output_index: number;
            /** @constant */
            content_index: 0;
            text: string;
            logprobs: components["schemas"]["ResponseLogprob"][];
        } | {
            /** @constant */
            type: "response.function_call_arguments.delta";
            sequence_number: number;
            item_id: string;
            output_index: number;
            delta: string;
        } | {
            /** @constant */
            type: "response.function_call_arguments.done";
            sequence_number: number;
            item_id: string;
            output_index: number;
            name: string;
            arguments: string;
        } | {
            /** @constant */
            type: "error";
            sequence_number: number;
            /** @description This and the next two: where OpenAI has them. */
            code: string;
            message: string;
            param: string | null;
            /** @description Where Open Responses has them; the official clients raise on it. */
            error: components["schemas"]["ErrorDetails"];
        };
        /** @description A failure over a WebSocket before the first event of a response, or of one that was cancelled. A later failure is `response.failed`. */
        ResponseSocketError: {
            /** @constant */
            type: "error";
            /** @description That a POST would have had. */
            status: number;
            code: string;
            message: string;
            param: string | null;
            error: {
                type: string;
                /** @description One of docs/errors.md. */
                code: string;
                message: string;
                param: string | null;
                /** @description That a POST would have had, such as `retry-after`. */
                headers?: {
                    [key: string]: string;
                };
            };
        };
        /**
         * @description `batch_output` is set by the server; the last two are OpenAI's and never occur.
         * @enum {string}
         */
        FilePurpose: "assistants" | "batch" | "fine-tune" | "vision" | "user_data" | "evals" | "batch_output" | "assistants_output" | "fine-tune-results";
        File: {
            id: string;
            /** @constant */
            object: "file";
            bytes: number;
            /** @description Unix seconds. */
            created_at: number;
            /** @description Unix seconds; absent where the file stays until it is deleted. */
            expires_at?: number;
            filename: string;
            purpose: components["schemas"]["FilePurpose"];
            /**
             * @description A file is either whole or not there, so there is nothing to wait for.
             * @constant
             */
            status: "processed";
        };
        FileList: {
            /** @constant */
            object: "list";
            data: components["schemas"]["File"][];
            first_id: string | null;
            last_id: string | null;
            /** @description Whether there are files behind the last one. */
            has_more: boolean;
        };
        Batch: {
            id: string;
            /** @constant */
            object: "batch";
            endpoint: string;
            /** @description What its lines ask, once they are read; absent where they ask several. */
            model?: string;
            /** @description What is wrong with the file; the first hundred of them. */
            errors?: {
                /** @constant */
                object: "list";
                data: components["schemas"]["BatchError"][];
            };
            input_file_id: string;
            /** @constant */
            completion_window: "24h";
            /** @enum {string} */
            status: "validating" | "failed" | "in_progress" | "finalizing" | "completed" | "expired" | "cancelling" | "cancelled";
            /**
             * @description The answers of lines that succeeded, in the order of the input: `id`, `custom_id`, `response` with `status_code`,
             *     `request_id` and `body`, and `error: null`. Present when the batch has ended and there are any.
             */
            output_file_id?: string;
            /**
             * @description The lines that did not, likewise: with a `response` where a route refused them, else with an `error`. Each line of
             *     the input is in one of the two files.
             */
            error_file_id?: string;
            /** @description Unix seconds. */
            created_at: number;
            expires_at: number;
            /** @description This and the next: present once it has happened. */
            in_progress_at?: number;
            finalizing_at?: number;
            completed_at?: number;
            failed_at?: number;
            expired_at?: number;
            cancelling_at?: number;
            cancelled_at?: number;
            /** @description Of lines. In a batch that has ended, those of the output file and of the error file. */
            request_counts: {
                total: number;
                completed: number;
                failed: number;
            };
            /** @description Of all answers that there are. */
            usage: {
                input_tokens: number;
                input_tokens_details: {
                    cached_tokens: number;
                };
                output_tokens: number;
                output_tokens_details: {
                    reasoning_tokens: number;
                };
                total_tokens: number;
            };
            metadata: components["schemas"]["Metadata"] | null;
            /** @description Present while the batch cannot go on. */
            aerie?: {
                /** @description Why not, for example because the disk is full. It goes on by itself once that is mended. */
                waiting_for: string;
            };
        };
        BatchError: {
            code: string;
            message: string;
            /** @description From 1; null for what is wrong with the file. */
            line: number | null;
            /** @description The field of the line. */
            param: string | null;
        };
        BatchList: {
            /** @constant */
            object: "list";
            data: components["schemas"]["Batch"][];
            first_id: string | null;
            last_id: string | null;
            /** @description Whether there are batches behind the last one. */
            has_more: boolean;
        };
        FileDeleted: {
            id: string;
            /** @constant */
            object: "file";
            /** @constant */
            deleted: true;
        };
        /** @description Whether a model is in memory. Models are loaded when they are asked for, and go when others need the memory. */
        ModelStatus: {
            /**
             * @description `unloading`: finishes what it answers, takes nothing new, and then goes. `failed`: the last load failed; the first
             *     request after `retry_after` tries again.
             * @enum {string}
             */
            state: "unloaded" | "loading" | "loaded" | "unloading" | "failed";
            /** @description Why the last load failed. */
            reason: string | null;
            /** @description Seconds; null unless it failed. */
            retry_after: number | null;
            /** @description Whether it stays once it is loaded. */
            pinned: boolean;
            /** @description What it takes while it is loaded, or is believed to; null before it was looked at. */
            bytes: number | null;
            /** @description That use it now. */
            requests: number;
            /** @description Requests that wait until it is loaded. */
            waiting: number;
        };
        Model: {
            id: string;
            /** @constant */
            object: "model";
            /** @description Unix seconds. */
            created: number;
            owned_by: string;
            /** @description Of an adapter (LoRA), the model that it belongs to. */
            parent: string | null;
            /** @description Of a model that was never loaded, only what is required here is known. */
            aerie: {
                status: components["schemas"]["ModelStatus"];
                /** @description Further names that requests may use. */
                aliases: string[];
                family: string;
                /** @description Positions: prompt, pictures and answer; 0 for a model that does not answer. */
                max_context?: number;
                /** @description Pictures in one request. */
                max_images?: number;
                /** @description Frames of all clips in one request; 0 for a model that reads none. */
                max_frames?: number;
                input_modalities: ("text" | "image" | "video" | "audio")[];
                output_modalities: ("text" | "embedding")[];
                /** @description Null for a model that does not answer. */
                sampling_defaults?: components["schemas"]["SamplingDefaults"] | null;
                /** @description What a picture costs at each level of detail. */
                detail?: components["schemas"]["DetailCost"][];
            };
        };
        ModelDocument: {
            id: string;
            /** @constant */
            object: "model";
            /** @description Unix seconds. */
            created: number;
            owned_by: string;
            /** @description Of an adapter (LoRA), the model that it belongs to. */
            parent: string | null;
            aerie: components["schemas"]["Capabilities"];
        };
        /**
         * @description Of a model that was never loaded, only what is required here is known; of one that is unloaded, all else is as of its
         *     last load.
         */
        Capabilities: {
            status: components["schemas"]["ModelStatus"];
            /** @description Further names that requests may use. */
            aliases: string[];
            /** @description `model_type` of the checkpoint. */
            family: string;
            max_context?: number;
            max_images?: number;
            input_modalities: ("text" | "image" | "video" | "audio")[];
            output_modalities: ("text" | "embedding")[];
            /** @description Null for a model that does not answer. */
            sampling_defaults?: components["schemas"]["SamplingDefaults"] | null;
            detail?: components["schemas"]["DetailCost"][];
            /** @description Positions of the prompt alone; smaller than the context where the model was trained to read less. */
            max_prompt?: number;
            /** @description Of all clips of one request; 0 for a model that reads none. */
            max_frames?: number;
            /** @description How clips are seen; null for a model that reads none. */
            video?: {
                /** @description Clips in one request. */
                max_videos: number;
                /** @description Frames are this many or a multiple of it; the last of fewer is shown again. */
                multiple: number;
                /** @description Positions of a frame's features, pooled where the family does so; without the text around them. */
                tokens_per_frame: number;
                /** @description Which frames are seen where a request does not say. */
                how: string;
            } | null;
            /** @description How sounds of a conversation are heard; null for a model that hears none there. */
            audio?: {
                /** @description Sounds in one request, tracks of clips among them. */
                max_sounds: number;
                /** @description Of one sound. */
                max_seconds: number;
                /** @description A sound is heard in windows of so many seconds, the last one filled up with silence. */
                window_seconds: number;
                /** @description Positions of a window; of silence behind the end of a sound none. */
                tokens_per_window: number;
            } | null;
            /** @description What a picture costs in positions, without text that the family writes around it; null for text models. */
            image_tokens?: {
                min: number;
                max: number;
                /** @description Null where the number depends on the picture's size alone. */
                per_tile: number | null;
                /** @description How the number comes about. */
                how: string;
            } | null;
            /** @description How the model is told of tools and calls them; null for a model that does not answer. */
            tools?: {
                /** @description Name of the format in which it writes calls. */
                format: string;
                /**
                 * @description `chat-template`: the checkpoint's own template knows tools. `messages`: it does not, and the server
                 *     writes them into the messages.
                 * @enum {string}
                 */
                source: "chat-template" | "messages";
            } | null;
            /** @description Where the chat template comes from; null for a model that does not answer. */
            prompt?: {
                /**
                 * @description The file or field that it stands in, `family` where the published code has it, or `none` of a base model, which only
                 *     continues texts (`/v1/completions`).
                 */
                source: string;
                /** @description Its name there. */
                template: string | null;
            } | null;
            /** @description How answers are computed; null for a model that does not answer. */
            decoding?: {
                kv_cache_type: components["schemas"]["KvCacheType"];
                kv_cache_bytes: number;
                /** @description Tokens that an answer may be guessed ahead in one step; 0 without speculation. */
                max_draft_tokens: number;
            } | null;
            /** @description Of an adapter (LoRA), what is added to the model's weights; null for a model. */
            adapter?: {
                /** @description The model that it belongs to. */
                base: string;
                /** @description SHA-256 over its files. */
                digest: string;
                rank: {
                    least: number;
                    most: number;
                };
                /** @description What the modules that it changes are called. */
                targets: string[];
                modules: number;
                parameters: number;
                /** @description Tensors by how they are stored. */
                dtypes: {
                    [key: string]: number;
                };
                /** @description That it takes while it is loaded. */
                bytes: number;
                /** @description What it says it was trained on. */
                trained_on: string | null;
            } | null;
            /** @description What `/v1/embeddings` gives; null for a model that answers. */
            embeddings?: {
                /** @description The usual one first. */
                outputs: {
                    name: string;
                    /** @enum {string} */
                    kind: "summary" | "features";
                    channels: number;
                    /** @description Cells of a map along a side of a patch. */
                    upsampling: number;
                }[];
                /** @description In pixels. */
                patch_size: number;
                /** @description Pixels that both sides are a multiple of. */
                step: number;
                preferred: components["schemas"]["PictureSize"];
                /** @description In pixels. */
                max_side: number;
                /** @description That a picture is seen as. */
                max_patches: number;
                /** @description Numbers of one answer. */
                max_values: number;
                /** @description Texts, where they are embedded as well; else null. */
                text: {
                    /** @description The output whose vectors texts share. */
                    output: string;
                    /** @description Of one text, with what the tokenizer puts around it. */
                    max_tokens: number;
                } | null;
            } | null;
            /** @description Expert models that the model's prompts name. */
            experts?: {
                name: string;
                modality: string;
                task: string;
                /** @description Whether the server runs it when the model asks for it. */
                running: boolean;
            }[];
            weights?: {
                parameters: number;
                /** @description As they are stored. */
                bytes: number;
                /** @description Stored dtype to number of tensors. */
                dtypes: {
                    [key: string]: number;
                };
                /**
                 * @description What is multiplied in linear layers, which is nearly all. `int8`: quantised weights (but on the reference
                 *     backend), on the native backend the blocks of a GGUF file, and what comes to either are whole numbers of 8
                 *     bits or less; everything else is float32. `float32`: weights are widened to it where they are stored
                 *     otherwise.
                 * @enum {string}
                 */
                computed_as: "float32" | "int8";
            };
            /**
             * @description How the weights were quantised at import, and how far the model moved, measured there against its checkpoint on
             *     the shipped calibration prompts and pictures. Null for weights as they were published.
             */
            quantization?: {
                /**
                 * @description How the groups of the decoder were rounded; towers are rounded to the nearest.
                 * @enum {string}
                 */
                method: "round-to-nearest" | "gptq";
                /**
                 * @description Of most linear layers of the decoder; its embedding, its head and those that bear least may have 8.
                 * @enum {integer}
                 */
                bits: 4 | 8;
                /** @description Weights of a row that share a scale. */
                group: number;
                /**
                 * @description Of all that a step of the decoder multiplies with, scales and the like too. Null without a decoder, and for
                 *     packages of versions that did not count it.
                 */
                bits_per_weight: number | null;
                parts: {
                    name: string;
                    /** @enum {string} */
                    form: "groups" | "rows" | "none";
                    /** @description Quantised ones. */
                    tensors: number;
                    /** @description Why a part stayed as it was. */
                    reason: string | null;
                }[];
                measured: {
                    decoder: {
                        prompts: number;
                        positions: number;
                        /** @description KL(checkpoint ‖ quantised) in nats a position. */
                        kl_mean: number;
                        kl_largest: number;
                        /** @description Share of positions with the same likeliest token. */
                        top1: number;
                    } | null;
                    /** @description Cosines between feature vectors; `features` is what the projector makes of all towers. */
                    towers: {
                        name: string;
                        vectors: number;
                        cosine_mean: number;
                        cosine_least: number;
                    }[];
                };
                /** @description Beyond these an import is refused, or a part stays as it was. */
                thresholds: {
                    [key: string]: number;
                };
                /** @description What is beyond them, in words, of a package that was made with `--force`. */
                forced: string[];
            } | null;
            /**
             * @description How far each stage is from the published code, as measured on recorded cases of this family: small checkpoints
             *     with random weights, not this model's own. Null where nothing was measured for this family in this form, as
             *     with quantised weights, `computed_as` int8, and keys and values that are not f32.
             */
            parity?: {
                /** @constant */
                dtype: "float32";
                /** @description Largest relative error with which a stage agrees. */
                tolerance: number;
                cases: {
                    case: string;
                    backend: string;
                    stages: {
                        stage: string;
                        /** @description Tensors, texts and tables. */
                        compared: number;
                        /** @description Largest difference over the largest magnitude; null for ids and texts, which are equal. */
                        relative_error: number | null;
                    }[];
                }[];
            } | null;
            /** @description As the checkpoint's own card says it; null where it does not. */
            license?: string | null;
            /** @description What the package was made of; null for a checkpoint that is served as it lies. */
            parent?: {
                /** @enum {string} */
                kind: "folder" | "file" | "hub";
                id: string;
                /** @description Commit of the hub's repository. */
                revision: string | null;
                digest: string;
            } | null;
            /** @description SHA-256 over everything that decides an answer; a package's own. */
            digest?: string;
            /** @description Changes whenever the weights, the runtime or the server's version do. */
            system_fingerprint?: string;
            backend?: string;
            /** @description What the server refuses beyond. */
            limits?: {
                max_images: number;
                max_image_bytes: number;
                max_image_pixels: number;
                /** @description In pixels. */
                max_image_side: number;
                max_aspect_ratio: number;
                max_body_bytes: number;
                deadline_ms: number;
            };
        };
        /** @description What a request gets that does not say otherwise. */
        SamplingDefaults: {
            temperature: number;
            top_p: number;
            top_k: number;
            min_p: number;
            repetition_penalty: number;
        };
        /** @description What a picture costs at one level of detail, at most. */
        DetailCost: {
            /** @enum {string} */
            level: "auto" | "low" | "high";
            max_tiles: number;
            max_tokens: number;
        };
        ModelList: {
            /** @constant */
            object: "list";
            data: components["schemas"]["Model"][];
        };
        TokenizeResponse: {
            model: string;
            /** @description Positions in all. */
            tokens: number;
            text_tokens: number;
            image_tokens: number;
            /** @description Of frames of clips. */
            video_tokens: number;
            /** @description Of sounds. */
            audio_tokens: number;
            videos: components["schemas"]["VideoSeen"][];
            sounds: components["schemas"]["SoundSeen"][];
            images: {
                /** @description The field of the request. */
                param: string;
                /** @description The page of a document. */
                page?: number;
                /** @enum {string} */
                detail: "auto" | "low" | "high";
                format: string;
                /** @description Upright, in pixels. */
                width: number;
                height: number;
                tiles: number;
                tokens: number;
            }[];
            /** @description Absent where there are none. */
            documents?: components["schemas"]["DocumentSeen"][];
            /** @description Only with `return_ids`; the placeholder id of pictures stands once for each position of a picture or frame. */
            ids?: number[];
            /** @description Only with `return_token_strs`; the name of a special token, and U+FFFD for bytes that are no text by themselves. */
            token_strs?: string[];
            max_context: number;
            /** @description Positions left for the answer; negative when the prompt is too long. */
            remaining: number;
        };
        DetokenizeResponse: {
            model: string;
            /** @description The text, under the name that vLLM gives it. */
            prompt: string;
        };
        AnthropicMessage: {
            id: string;
            /** @constant */
            type: "message";
            /** @constant */
            role: "assistant";
            model: string;
            content: (components["schemas"]["AnthropicAnswerText"] | components["schemas"]["AnthropicAnswerCall"])[];
            stop_reason: components["schemas"]["AnthropicStopReason"];
            /** @description The one that ended the answer. */
            stop_sequence: string | null;
            stop_details: null;
            container: null;
            diagnostics: null;
            usage: components["schemas"]["AnthropicUsage"];
        };
        /**
         * @description Null only in `message_start`.
         * @enum {string|null}
         */
        AnthropicStopReason: "end_turn" | "max_tokens" | "stop_sequence" | "tool_use" | "model_context_window_exceeded" | null;
        AnthropicAnswerText: {
            /** @constant */
            type: "text";
            text: string;
            citations: null;
        };
        AnthropicAnswerCall: {
            /** @constant */
            type: "tool_use";
            id: string;
            name: string;
            /** @description Empty in `content_block_start`, where it comes in pieces. */
            input: Record<string, never>;
            caller: {
                /** @constant */
                type: "direct";
            };
        };
        AnthropicUsage: {
            /** @description Positions of the prompt that were computed, pictures included. */
            input_tokens: number;
            /**
             * @description Keeping a prefix costs nothing.
             * @constant
             */
            cache_creation_input_tokens: 0;
            /** @description Positions that the prefix cache had. */
            cache_read_input_tokens: number;
            output_tokens: number;
            output_tokens_details?: null;
            cache_creation?: null;
            server_tool_use?: null;
            /** @enum {string} */
            service_tier?: "standard" | "batch";
            inference_geo?: null;
            speed?: null;
        };
        /** @description One event of a stream; its name is its `type`. */
        AnthropicEvent: {
            /** @constant */
            type: "message_start";
            message: components["schemas"]["AnthropicMessage"];
        } | {
            /** @constant */
            type: "content_block_start";
            index: number;
            content_block: components["schemas"]["AnthropicAnswerText"] | components["schemas"]["AnthropicAnswerCall"];
        } | {
            /** @constant */
            type: "content_block_delta";
            index: number;
            delta: {
                /** @constant */
                type: "text_delta";
                text: string;
            } | {
                /** @constant */
                type: "input_json_delta";
                partial_json: string;
            };
        } | {
            /** @constant */
            type: "content_block_stop";
            index: number;
        } | {
            /** @constant */
            type: "message_delta";
            delta: {
                stop_reason: components["schemas"]["AnthropicStopReason"];
                stop_sequence: string | null;
                stop_details: null;
                container: null;
            };
            usage: components["schemas"]["AnthropicUsage"];
        } | {
            /** @enum {string} */
            type: "message_stop" | "ping";
        };
        AnthropicTokenCount: {
            /** @description Positions of the prompt, pictures included. */
            input_tokens: number;
        };
        /** @description The body of every failure below `/v1/messages`. */
        AnthropicError: {
            /** @constant */
            type: "error";
            error: {
                /** @enum {string} */
                type: "invalid_request_error" | "authentication_error" | "permission_error" | "not_found_error" | "request_too_large" | "rate_limit_error" | "timeout_error" | "overloaded_error" | "api_error";
                message: string;
                details: {
                    /** @description One of the closed list of `Error`, or `thread_unsupported_request`. */
                    error_code: string;
                    /** @description Only with `thread_unsupported_request`. */
                    unsupported?: string[];
                    /** @description The field at fault, where there is one. */
                    param: string | null;
                };
            };
            request_id: string;
        };
        Liveness: {
            /** @constant */
            status: "ok";
        };
        Readiness: {
            /** @enum {string} */
            status: "ready" | "not_ready";
            /** @description Why not; empty when ready. */
            reasons: string[];
            error?: components["schemas"]["ErrorDetails"];
        };
        /** @description The body of every failure. */
        Error: {
            error: components["schemas"]["ErrorDetails"];
        };
        ErrorDetails: {
            /** @description Where, what was expected, what came: `messages[2].content[1]: image is 92 megapixels, limit is 50`. */
            message: string;
            /** @enum {string} */
            type: "invalid_request_error" | "rate_limit_error" | "server_error" | "requests" | "tokens" | "media_bytes" | "media_pixels" | "concurrent_requests";
            /** @description The field at fault, where there is one. */
            param: string | null;
            /**
             * @description One of a closed list; docs/errors.md explains each.
             * @enum {string}
             */
            code: "invalid_json" | "invalid_request" | "unknown_parameter" | "unsupported_parameter" | "invalid_api_key" | "host_not_allowed" | "not_found" | "method_not_allowed" | "unsupported_media_type" | "range_not_satisfiable" | "request_too_large" | "request_timeout" | "upgrade_required" | "previous_response_not_found" | "websocket_connection_limit_reached" | "model_not_found" | "context_length_exceeded" | "invalid_media" | "unsupported_media" | "media_too_large" | "media_fetch_failed" | "queue_full" | "rate_limit_exceeded" | "deadline_exceeded" | "shutting_down" | "not_ready" | "model_unavailable" | "cancelled" | "invalid_package" | "download_failed" | "insufficient_storage" | "storage_failure" | "invalid_config" | "backend_failure" | "internal_error";
        };
    };
    responses: {
        /** @description The request cannot be served as it is; `error.param` names the field. */
        BadRequest: {
            headers: {
                "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description No API key, or an unknown one. */
        Unauthorized: {
            headers: {
                "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The Host header names a host that this server is not known by. */
        Forbidden: {
            headers: {
                "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description No such model, object or route. */
        NotFound: {
            headers: {
                "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The body has too many bytes or too many values. */
        TooLarge: {
            headers: {
                "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The request came too slowly. */
        RequestTimeout: {
            headers: {
                "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The file has no such bytes. */
        RangeNotSatisfiable: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "content-range": components["headers"]["ContentRange"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The disk is full, or the files have as many bytes as they may have. */
        InsufficientStorage: {
            headers: {
                "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The body is not of the content type that the route takes, `application/json` in UTF-8 or `multipart/form-data`. */
        UnsupportedMediaType: {
            headers: {
                "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /**
         * @description The waiting queue is full, or the key has used what it may for now (`rate_limit_exceeded`; `error.type` names the limit).
         *     With `x-should-retry: false`, and without a time, the request asks for more at once than the key ever may.
         */
        QueueFull: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "retry-after": components["headers"]["RetryAfterIfEver"];
                "retry-after-ms": components["headers"]["RetryAfterMsIfEver"];
                "x-should-retry": components["headers"]["ShouldRetry"];
                "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The model's runtime failed, or the server has a defect; the log has more under the request id. */
        ServerError: {
            headers: {
                "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                "x-request-id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The server is loading or draining. */
        Unavailable: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "retry-after": components["headers"]["RetryAfter"];
                "retry-after-ms": components["headers"]["RetryAfterMs"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The request was not finished within its deadline. */
        DeadlineExceeded: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-should-retry": components["headers"]["ShouldRetry"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
    };
    parameters: {
        /**
         * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
         *     Anything else is replaced by an id of the server's.
         */
        RequestId: string;
    };
    requestBodies: never;
    headers: {
        /** @description The id under which the server's log knows this request. */
        RequestId: string;
        /** @description Milliseconds at each station, as browsers read it: `fetch;dur=12.1, decode;dur=8.0, …, total;dur=93.4`. */
        ServerTiming: string;
        /** @description The SHA-256 of the file's bytes in hexadecimal digits, in quotes. */
        ETag: string;
        /** @description Always `bytes`. */
        AcceptRanges: "bytes";
        /** @description Which bytes of how many: `bytes 0-99/1234`; `bytes *\/1234` where there are no such. */
        ContentRange: string;
        /** @description Whole seconds after which trying again makes sense. */
        RetryAfter: string;
        /** @description Whole seconds after which trying again makes sense; absent where it never does. */
        RetryAfterIfEver: string;
        /** @description The same in milliseconds. */
        RetryAfterMsIfEver: string;
        /** @description The same in milliseconds; the official clients prefer it. */
        RetryAfterMs: string;
        /** @description What the key may use: requests per minute. Absent where there is no such limit. */
        AnthropicRequestsLimit: string;
        /** @description What is left of it, with what this request may cost at most taken already: requests per minute. */
        AnthropicRequestsRemaining: string;
        /** @description When all of it is there again, in RFC 3339: requests per minute. */
        AnthropicRequestsReset: string;
        /** @description What the key may use: tokens per minute, of prompts and answers. Absent where there is no such limit. */
        AnthropicTokensLimit: string;
        /** @description What is left of it, with what this request may cost at most taken already: tokens per minute, of prompts and answers. */
        AnthropicTokensRemaining: string;
        /** @description When all of it is there again, in RFC 3339: tokens per minute, of prompts and answers. */
        AnthropicTokensReset: string;
        /** @description What the key may use: requests per minute. Absent where there is no such limit. */
        RateLimitLimitRequests: string;
        /** @description What is left of it, with what this request may cost at most taken already: requests per minute. */
        RateLimitRemainingRequests: string;
        /** @description Until all of it is there again, as `120ms`, `1.5s` or `6m0s`: requests per minute. */
        RateLimitResetRequests: string;
        /** @description What the key may use: tokens per minute, of prompts and answers. Absent where there is no such limit. */
        RateLimitLimitTokens: string;
        /** @description What is left of it, with what this request may cost at most taken already: tokens per minute, of prompts and answers. */
        RateLimitRemainingTokens: string;
        /** @description Until all of it is there again, as `120ms`, `1.5s` or `6m0s`: tokens per minute, of prompts and answers. */
        RateLimitResetTokens: string;
        /** @description What the key may use: bytes of media per minute. Absent where there is no such limit. */
        RateLimitLimitMediaBytes: string;
        /** @description What is left of it, with what this request may cost at most taken already: bytes of media per minute. */
        RateLimitRemainingMediaBytes: string;
        /** @description Until all of it is there again, as `120ms`, `1.5s` or `6m0s`: bytes of media per minute. */
        RateLimitResetMediaBytes: string;
        /** @description What the key may use: decoded pixels per minute. Absent where there is no such limit. */
        RateLimitLimitMediaPixels: string;
        /** @description What is left of it, with what this request may cost at most taken already: decoded pixels per minute. */
        RateLimitRemainingMediaPixels: string;
        /** @description Until all of it is there again, as `120ms`, `1.5s` or `6m0s`: decoded pixels per minute. */
        RateLimitResetMediaPixels: string;
        /** @description What the key may use: requests at one time. Absent where there is no such limit. */
        RateLimitLimitConcurrentRequests: string;
        /** @description What is left of it, with what this request may cost at most taken already: requests at one time. */
        RateLimitRemainingConcurrentRequests: string;
        /** @description `false` where the official clients would retry by default and should not. */
        ShouldRetry: "true" | "false";
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    createChatCompletion: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description `1` does what `aerie.explain: true` does, for clients that cannot add fields to the body. */
                "x-aerie-explain"?: "0" | "1" | "false" | "true";
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChatCompletionRequest"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    "server-timing": components["headers"]["ServerTiming"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChatCompletion"];
                    "text/event-stream": components["schemas"]["ChatCompletionChunk"] | components["schemas"]["Error"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["QueueFull"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["DeadlineExceeded"];
        };
    };
    createCompletion: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CompletionRequest"];
            };
        };
        responses: {
            /** @description The continued texts. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    "server-timing": components["headers"]["ServerTiming"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Completion"];
                    "text/event-stream": components["schemas"]["CompletionChunk"] | components["schemas"]["Error"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["QueueFull"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["DeadlineExceeded"];
        };
    };
    createMessage: {
        parameters: {
            query?: {
                /** @description Sent by official clients, as `true`, for functions that are a beta; changes nothing, whatever it is. */
                beta?: string;
            };
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MessagesRequest"];
            };
        };
        responses: {
            /** @description The answer. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    "server-timing": components["headers"]["ServerTiming"];
                    "anthropic-ratelimit-requests-limit": components["headers"]["AnthropicRequestsLimit"];
                    "anthropic-ratelimit-requests-remaining": components["headers"]["AnthropicRequestsRemaining"];
                    "anthropic-ratelimit-requests-reset": components["headers"]["AnthropicRequestsReset"];
                    "anthropic-ratelimit-tokens-limit": components["headers"]["AnthropicTokensLimit"];
                    "anthropic-ratelimit-tokens-remaining": components["headers"]["AnthropicTokensRemaining"];
                    "anthropic-ratelimit-tokens-reset": components["headers"]["AnthropicTokensReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicMessage"];
                    "text/event-stream": components["schemas"]["AnthropicEvent"] | components["schemas"]["AnthropicError"];
                };
            };
            /** @description The request cannot be served as it is. */
            400: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description No API key, or an unknown one. */
            401: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The Host header names a host that this server is not known by. */
            403: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description No such model or file. */
            404: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The body has too many bytes or too many values. */
            413: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The body is not JSON in UTF-8. */
            415: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The key has used up what it may. */
            429: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    "anthropic-ratelimit-requests-limit": components["headers"]["AnthropicRequestsLimit"];
                    "anthropic-ratelimit-requests-remaining": components["headers"]["AnthropicRequestsRemaining"];
                    "anthropic-ratelimit-requests-reset": components["headers"]["AnthropicRequestsReset"];
                    "anthropic-ratelimit-tokens-limit": components["headers"]["AnthropicTokensLimit"];
                    "anthropic-ratelimit-tokens-remaining": components["headers"]["AnthropicTokensRemaining"];
                    "anthropic-ratelimit-tokens-reset": components["headers"]["AnthropicTokensReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The model's runtime failed, or the server has a defect. */
            500: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The server is loading or draining. */
            503: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The request was not finished within its deadline. */
            504: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The waiting queue is full. */
            529: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    "retry-after-ms": components["headers"]["RetryAfterMs"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
        };
    };
    countMessageTokens: {
        parameters: {
            query?: {
                /** @description Sent by official clients, as `true`, for functions that are a beta; changes nothing, whatever it is. */
                beta?: string;
            };
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CountTokensRequest"];
            };
        };
        responses: {
            /** @description The count. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    "anthropic-ratelimit-requests-limit": components["headers"]["AnthropicRequestsLimit"];
                    "anthropic-ratelimit-requests-remaining": components["headers"]["AnthropicRequestsRemaining"];
                    "anthropic-ratelimit-requests-reset": components["headers"]["AnthropicRequestsReset"];
                    "anthropic-ratelimit-tokens-limit": components["headers"]["AnthropicTokensLimit"];
                    "anthropic-ratelimit-tokens-remaining": components["headers"]["AnthropicTokensRemaining"];
                    "anthropic-ratelimit-tokens-reset": components["headers"]["AnthropicTokensReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicTokenCount"];
                };
            };
            /** @description The request cannot be served as it is. */
            400: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description No API key, or an unknown one. */
            401: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The Host header names a host that this server is not known by. */
            403: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description No such model or file. */
            404: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The body has too many bytes or too many values. */
            413: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The body is not JSON in UTF-8. */
            415: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The key has used up what it may. */
            429: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    "anthropic-ratelimit-requests-limit": components["headers"]["AnthropicRequestsLimit"];
                    "anthropic-ratelimit-requests-remaining": components["headers"]["AnthropicRequestsRemaining"];
                    "anthropic-ratelimit-requests-reset": components["headers"]["AnthropicRequestsReset"];
                    "anthropic-ratelimit-tokens-limit": components["headers"]["AnthropicTokensLimit"];
                    "anthropic-ratelimit-tokens-remaining": components["headers"]["AnthropicTokensRemaining"];
                    "anthropic-ratelimit-tokens-reset": components["headers"]["AnthropicTokensReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The model's runtime failed, or the server has a defect. */
            500: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The server is loading or draining. */
            503: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The request was not finished within its deadline. */
            504: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
            /** @description The waiting queue is full. */
            529: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "request-id": components["headers"]["RequestId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    "retry-after-ms": components["headers"]["RetryAfterMs"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnthropicError"];
                };
            };
        };
    };
    createEmbedding: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmbeddingRequest"];
            };
        };
        responses: {
            /** @description The embeddings, in the order of the pictures. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    "server-timing": components["headers"]["ServerTiming"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EmbeddingList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["QueueFull"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["DeadlineExceeded"];
        };
    };
    listModels: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All models that requests may name. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            503: components["responses"]["Unavailable"];
        };
    };
    retrieveModel: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The model's id; slashes may be sent as they are or as `%2F`. */
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The model. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelDocument"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            503: components["responses"]["Unavailable"];
        };
    };
    loadModel: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The model's id or alias; slashes may be sent as they are or as `%2F`. */
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The model as it is now. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelDocument"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["TooLarge"];
            429: components["responses"]["QueueFull"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
        };
    };
    unloadModel: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The model's id or alias; slashes may be sent as they are or as `%2F`. */
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The model as it is now. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelDocument"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["TooLarge"];
            429: components["responses"]["QueueFull"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
        };
    };
    tokenize: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TokenizeRequest"];
            };
        };
        responses: {
            /** @description The count. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenizeResponse"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["QueueFull"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["DeadlineExceeded"];
        };
    };
    detokenize: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DetokenizeRequest"];
            };
        };
        responses: {
            /** @description The text. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DetokenizeResponse"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
        };
    };
    connectResponses: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection is a WebSocket from now on. This is what the server sends over it where a response could not begin. */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResponseSocketError"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            /** @description The request was not to become a WebSocket. */
            426: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            429: components["responses"]["QueueFull"];
            503: components["responses"]["Unavailable"];
        };
    };
    createResponse: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description `1` does what `aerie.explain: true` does. */
                "x-aerie-explain"?: "0" | "1" | "false" | "true";
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResponseCreateRequest"];
            };
        };
        responses: {
            /** @description The response, or its events. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    "server-timing": components["headers"]["ServerTiming"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResponseObject"];
                    "text/event-stream": components["schemas"]["ResponseEvent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["QueueFull"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["DeadlineExceeded"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    countResponseInputTokens: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResponseInputTokensRequest"];
            };
        };
        responses: {
            /** @description The count. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResponseInputTokens"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["QueueFull"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["DeadlineExceeded"];
        };
    };
    compactResponse: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResponseCompactRequest"];
            };
        };
        responses: {
            /** @description The items. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    "server-timing": components["headers"]["ServerTiming"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResponseCompaction"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["QueueFull"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["DeadlineExceeded"];
        };
    };
    retrieveResponse: {
        parameters: {
            query?: {
                /** @description The fields of the object are the parameters of the query. */
                query?: components["schemas"]["ResponseRetrieveQuery"];
            };
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The response's id. */
                response_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The response as it is now, or its events. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResponseObject"];
                    "text/event-stream": components["schemas"]["ResponseEvent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
        };
    };
    deleteResponse: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The response's id. */
                response_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResponseDeleted"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    cancelResponse: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The response's id. */
                response_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The response. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResponseObject"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    listResponseInputItems: {
        parameters: {
            query?: {
                /** @description The fields of the object are the parameters of the query. */
                query?: components["schemas"]["ResponseItemsQuery"];
            };
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The response's id. */
                response_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of items. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResponseItemList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
        };
    };
    createTranscription: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["TranscriptionRequest"];
            };
        };
        responses: {
            /** @description The transcript. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    "server-timing": components["headers"]["ServerTiming"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Transcription"] | components["schemas"]["VerboseTranscription"];
                    "text/plain": string;
                    "text/vtt": string;
                    "text/event-stream": components["schemas"]["TranscriptTextDelta"] | components["schemas"]["TranscriptTextDone"] | components["schemas"]["Error"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["QueueFull"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["DeadlineExceeded"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    createTranslation: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["TranslationRequest"];
            };
        };
        responses: {
            /** @description The words in English. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    "server-timing": components["headers"]["ServerTiming"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Translation"] | components["schemas"]["VerboseTranslation"];
                    "text/plain": string;
                    "text/vtt": string;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["QueueFull"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["DeadlineExceeded"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    listFiles: {
        parameters: {
            query?: {
                /** @description The fields of the object are the parameters of the query. */
                query?: components["schemas"]["FileListQuery"];
            };
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of the files of this API key. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
        };
    };
    createFile: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["FileUploadRequest"];
            };
        };
        responses: {
            /** @description The file. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["File"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["QueueFull"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    retrieveFile: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The file's id. */
                file_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["File"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
        };
    };
    deleteFile: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The file's id. */
                file_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileDeleted"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    downloadFile: {
        parameters: {
            query?: never;
            header?: {
                /** @description One range: `bytes=0-99`, `bytes=100-` or `bytes=-100`. */
                range?: string;
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The file's id. */
                file_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The whole file. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    etag: components["headers"]["ETag"];
                    "accept-ranges": components["headers"]["AcceptRanges"];
                    [name: string]: unknown;
                };
                content: {
                    "*/*": unknown;
                };
            };
            /** @description A part of it. */
            206: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    etag: components["headers"]["ETag"];
                    "accept-ranges": components["headers"]["AcceptRanges"];
                    "content-range": components["headers"]["ContentRange"];
                    [name: string]: unknown;
                };
                content: {
                    "*/*": unknown;
                };
            };
            /** @description The client has these bytes already. */
            304: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    etag: components["headers"]["ETag"];
                    "accept-ranges": components["headers"]["AcceptRanges"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            416: components["responses"]["RangeNotSatisfiable"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
        };
    };
    listBatches: {
        parameters: {
            query?: {
                /** @description The fields of the object are the parameters of the query. */
                query?: components["schemas"]["BatchListQuery"];
            };
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of the batches of this API key, the newest first. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BatchList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
        };
    };
    createBatch: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BatchCreateRequest"];
            };
        };
        responses: {
            /** @description The batch, which is `validating`. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Batch"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["QueueFull"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    retrieveBatch: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The batch's id. */
                batch_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The batch. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Batch"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
        };
    };
    cancelBatch: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description An id of yours for this request, 1 to 128 of `A-Z a-z 0-9 . _ : -`. It comes back and stands in the log.
                 *     Anything else is replaced by an id of the server's.
                 */
                "x-request-id"?: components["parameters"]["RequestId"];
            };
            path: {
                /** @description The batch's id. */
                batch_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The batch, which is `cancelling`. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Batch"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["TooLarge"];
            500: components["responses"]["ServerError"];
            503: components["responses"]["Unavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    livez: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Alive. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Liveness"];
                };
            };
            400: components["responses"]["BadRequest"];
        };
    };
    readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Ready. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            400: components["responses"]["BadRequest"];
            /** @description Not ready; `reasons` say why, and `error` says it in the words of every other failure. */
            503: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    "retry-after-ms": components["headers"]["RetryAfterMs"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The figures. */
            200: {
                headers: {
                    "x-ratelimit-limit-requests": components["headers"]["RateLimitLimitRequests"];
                    "x-ratelimit-remaining-requests": components["headers"]["RateLimitRemainingRequests"];
                    "x-ratelimit-reset-requests": components["headers"]["RateLimitResetRequests"];
                    "x-ratelimit-limit-tokens": components["headers"]["RateLimitLimitTokens"];
                    "x-ratelimit-remaining-tokens": components["headers"]["RateLimitRemainingTokens"];
                    "x-ratelimit-reset-tokens": components["headers"]["RateLimitResetTokens"];
                    "x-ratelimit-limit-media-bytes": components["headers"]["RateLimitLimitMediaBytes"];
                    "x-ratelimit-remaining-media-bytes": components["headers"]["RateLimitRemainingMediaBytes"];
                    "x-ratelimit-reset-media-bytes": components["headers"]["RateLimitResetMediaBytes"];
                    "x-ratelimit-limit-media-pixels": components["headers"]["RateLimitLimitMediaPixels"];
                    "x-ratelimit-remaining-media-pixels": components["headers"]["RateLimitRemainingMediaPixels"];
                    "x-ratelimit-reset-media-pixels": components["headers"]["RateLimitResetMediaPixels"];
                    "x-ratelimit-limit-concurrent-requests": components["headers"]["RateLimitLimitConcurrentRequests"];
                    "x-ratelimit-remaining-concurrent-requests": components["headers"]["RateLimitRemainingConcurrentRequests"];
                    "x-request-id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
        };
    };
}

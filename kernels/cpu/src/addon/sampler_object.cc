#include "addon/objects.h"

namespace aerie::addon {
namespace {

constexpr int64_t kMostIds = int64_t{1} << 24;
constexpr int64_t kMostLogprobs = 1024;

// The typed arrays of a call, whose memory is looked at when no more JavaScript runs.
struct SampleLists {
  Napi::Value repeated;
  Napi::Value generated;
  Napi::Value counts;
  Napi::Value biased;
  Napi::Value biases;
  Napi::Value forbidden;
};

template <typename T>
std::span<const T> elements(const Napi::Value& value, const char* name, napi_typedarray_type type) {
  if (is_absent(value)) return {};
  return read_memory(value, name, type).as<const T>();
}

void expect_pairs(size_t first, size_t second, const char* names) {
  if (first == second) return;
  throw TypeError(std::string(names) + " have " + std::to_string(first) + " and " + std::to_string(second) +
                  " elements, expected as many");
}

SampleArguments read_numbers(const Napi::Object& options) {
  const auto number = [&](const char* name) { return read_number(options.Get(name), name); };
  SampleArguments arguments;
  arguments.temperature = number("temperature");
  arguments.top_k = read_integer(options.Get("topK"), "topK", 0, int64_t{1} << 53);
  arguments.top_p = number("topP");
  arguments.min_p = number("minP");
  arguments.uniform = number("uniform");
  arguments.repetition_penalty = number("repetitionPenalty");
  arguments.presence_penalty = number("presencePenalty");
  arguments.frequency_penalty = number("frequencyPenalty");
  const Napi::Value logprobs = options.Get("topLogprobs");
  if (!is_absent(logprobs)) arguments.top_logprobs = read_integer(logprobs, "topLogprobs", 0, kMostLogprobs);
  return arguments;
}

SampleLists read_lists(const Napi::Object& options) {
  return {options.Get("repeated"), options.Get("generated"), options.Get("counts"),
          options.Get("biased"),   options.Get("biases"),    options.Get("forbidden")};
}

void set_lists(SampleArguments& arguments, const SampleLists& lists) {
  arguments.repeated = elements<int32_t>(lists.repeated, "repeated", napi_int32_array);
  arguments.generated = elements<int32_t>(lists.generated, "generated", napi_int32_array);
  arguments.counts = elements<int32_t>(lists.counts, "counts", napi_int32_array);
  arguments.biased = elements<int32_t>(lists.biased, "biased", napi_int32_array);
  arguments.biases = elements<double>(lists.biases, "biases", napi_float64_array);
  arguments.forbidden = elements<int32_t>(lists.forbidden, "forbidden", napi_int32_array);
  expect_pairs(arguments.generated.size(), arguments.counts.size(), "generated and counts");
  expect_pairs(arguments.biased.size(), arguments.biases.size(), "biased and biases");
}

Napi::Value sample(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Sampler& sampler = unwrap<SamplerHandle>(info.This(), "this").sampler;
  const Napi::Object options = read_object(info[1], "options");
  SampleArguments arguments = read_numbers(options);
  const SampleLists lists = read_lists(options);

  // From here on no JavaScript runs: memory stays where it is.
  set_lists(arguments, lists);
  const Memory logits = read_memory(info[0], "logits", napi_float32_array);
  if (logits.count != static_cast<size_t>(sampler.vocab())) {
    throw TypeError("logits has " + std::to_string(logits.count) + " elements, expected " +
                    std::to_string(sampler.vocab()));
  }
  const Sample chosen = sampler.sample(static_cast<const float*>(logits.data), arguments);
  Napi::Object result = Napi::Object::New(env);
  result.Set("id", static_cast<double>(chosen.id));
  if (arguments.top_logprobs < 0) return result;
  result.Set("max", chosen.max);
  result.Set("sum", chosen.sum);
  Napi::Array top = Napi::Array::New(env);
  for (const int32_t id : chosen.top) top.Set(top.Length(), id);
  result.Set("top", top);
  return result;
}

}  // namespace

Napi::Value create_sampler(const Napi::CallbackInfo& info) {
  const int64_t vocab = read_integer(info[0], "vocabSize", 1, kMostIds);
  const Isa isa = read_isa(info[1], "isa");
  Napi::Object object = wrap(info.Env(), std::make_unique<SamplerHandle>(vocab, op_kernels(isa).sampling));
  define(object, "sample", sample);
  return object;
}

}  // namespace aerie::addon

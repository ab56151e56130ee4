#include "addon/spec_reader.h"

#include <array>
#include <cmath>
#include <utility>

#include "addon/values.h"
#include "error.h"
#include "program/operation.h"

namespace aerie::addon {
namespace {

constexpr size_t kMost = 1 << 18;
constexpr int64_t kMostPlace = (1 << 18) - 1;
constexpr size_t kMostFrequencies = kMaxHeadDim / 2;

template <typename T, size_t N>
T one_of(const std::array<std::pair<const char*, T>, N>& words, const std::string& word, const std::string& what) {
  std::string known;
  for (const auto& [name, value] : words) {
    if (word == name) return value;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  throw TypeError(what + " is \"" + word.substr(0, 40) + "\", expected one of " + known);
}

constexpr std::array<std::pair<const char*, Type>, 3> kTypes = {
    {{"f32", Type::kF32}, {"i32", Type::kI32}, {"q8", Type::kQ8}}};
constexpr std::array<std::pair<const char*, Activation>, 6> kActivations = {{
    {"silu", Activation::kSilu},
    {"relu", Activation::kRelu},
    {"relu2", Activation::kRelu2},
    {"gelu_erf", Activation::kGeluErf},
    {"gelu_tanh", Activation::kGeluTanh},
    {"gelu_quick", Activation::kGeluQuick},
}};
constexpr std::array<std::pair<const char*, BinaryKind>, 4> kBinaries = {
    {{"add", BinaryKind::kAdd}, {"sub", BinaryKind::kSub}, {"mul", BinaryKind::kMul}, {"div", BinaryKind::kDiv}}};
constexpr std::array<std::pair<const char*, bool>, 2> kStyles = {{{"half", false}, {"interleaved", true}}};

// Fields of one object, named by their path.
class Fields {
 public:
  Fields(const Napi::Value& value, std::string path) : object_(read_object(value, path)), path_(std::move(path)) {}

  std::string path(const char* name) const { return path_ + "." + name; }
  Napi::Value get(const char* name) const { return object_.Get(name); }
  std::string text(const char* name) const { return read_string(get(name), path(name)); }
  int64_t integer(const char* name, int64_t least, int64_t most) const {
    return read_integer(get(name), path(name), least, most);
  }
  int64_t integer_or(const char* name, int64_t least, int64_t most, int64_t otherwise) const {
    const Napi::Value value = get(name);
    return is_absent(value) ? otherwise : read_integer(value, path(name), least, most);
  }
  int place_or_none(const char* name) const { return static_cast<int>(integer_or(name, 0, kMostPlace, -1)); }
  float number(const char* name) const { return static_cast<float>(read_number(get(name), path(name))); }
  float number_or(const char* name, float otherwise) const {
    const Napi::Value value = get(name);
    return is_absent(value) ? otherwise : static_cast<float>(read_number(value, path(name)));
  }
  std::vector<Napi::Value> list(const char* name, size_t most) const { return read_list(get(name), path(name), most); }
  std::vector<int> places(const char* name, size_t most) const {
    std::vector<int> places;
    for (const Napi::Value& value : list(name, most)) {
      places.push_back(static_cast<int>(read_integer(value, path(name), 0, kMostPlace)));
    }
    return places;
  }

 private:
  Napi::Object object_;
  std::string path_;
};

std::string at(const char* list, size_t i) { return std::string("program.") + list + "[" + std::to_string(i) + "]"; }

std::vector<Dim> read_shape(const Fields& fields, std::vector<std::string>& names) {
  std::vector<Dim> shape;
  for (const Napi::Value& extent : fields.list("shape", kMaxAxes)) {
    if (extent.IsString()) {
      shape.push_back(parse_dim(read_string(extent, fields.path("shape")), names));
    } else {
      shape.push_back({read_integer(extent, fields.path("shape"), 0, kMaxElements), {}});
    }
  }
  return shape;
}

Op read_op(const std::string& word, const std::string& what) {
  for (int i = 0; i < kOps; ++i) {
    if (word == op_name(static_cast<Op>(i))) return static_cast<Op>(i);
  }
  throw TypeError(what + " is \"" + word.substr(0, 40) + "\", which is no operation");
}

void read_rope(const Fields& fields, Instruction& code) {
  code.heads = fields.integer("heads", 1, kMaxElements);
  code.head_dim = fields.integer("headDim", 1, kMaxElements);
  code.interleaved = one_of(kStyles, fields.text("style"), fields.path("style"));
  code.magnitude = read_number(fields.get("magnitude"), fields.path("magnitude"));
  for (const Napi::Value& frequency : fields.list("inverseFrequencies", kMostFrequencies)) {
    code.inverse_frequencies.push_back(read_number(frequency, fields.path("inverseFrequencies")));
  }
}

void read_kv_attention(const Fields& fields, Instruction& code) {
  code.layer = fields.integer("layer", 0, kMaxElements);
  code.heads = fields.integer("heads", 1, kMaxElements);
  code.kv_heads = fields.integer("kvHeads", 1, kMaxElements);
  code.head_dim = fields.integer("headDim", 1, kMaxElements);
  code.scale = fields.number("scale");
  code.window = fields.integer_or("window", 1, kMaxElements, 0);
  code.soft_cap = fields.number_or("softCap", 0);
  if (code.soft_cap < 0) throw RangeError(fields.path("softCap") + " is negative");
  code.sinks = fields.place_or_none("sinks");
}

Activation read_activation(const Fields& fields) {
  const Napi::Value activation = fields.get("activation");
  if (is_absent(activation)) return Activation::kNone;
  return one_of(kActivations, read_string(activation, fields.path("activation")), fields.path("activation"));
}

void read_attributes(const Fields& fields, Instruction& code) {
  switch (code.op) {
    case Op::kLinear:
      code.linear = static_cast<int>(fields.integer("linear", 0, kMostPlace));
      code.bias = fields.place_or_none("bias");
      code.multiply = fields.place_or_none("multiply");
      code.residual = fields.place_or_none("residual");
      code.adapter = fields.place_or_none("adapter");
      code.floats = fields.place_or_none("floats");
      code.activation = read_activation(fields);
      return;
    case Op::kLayerNorm:
    case Op::kRmsNorm:
      code.epsilon = fields.number("epsilon");
      code.weight_offset = fields.number_or("weightOffset", 0);
      return;
    case Op::kRope:
      return read_rope(fields, code);
    case Op::kRopeTable:
      code.heads = fields.integer("heads", 1, kMaxElements);
      return;
    case Op::kAttention:
      code.heads = fields.integer("heads", 1, kMaxElements);
      code.scale = fields.number("scale");
      return;
    case Op::kKvAttention:
      return read_kv_attention(fields, code);
    case Op::kUnary:
      code.activation = one_of(kActivations, fields.text("kind"), fields.path("kind"));
      return;
    case Op::kBinary:
      code.binary = one_of(kBinaries, fields.text("kind"), fields.path("kind"));
      return;
    case Op::kConcat:
      code.axis = fields.integer("axis", 0, kMaxAxes);
      return;
    case Op::kSlice:
      code.axis = fields.integer("axis", 0, kMaxAxes);
      code.start = fields.integer("start", 0, kMaxElements);
      code.end = fields.integer("end", 0, kMaxElements);
      return;
    case Op::kPadEnd:
      code.axis = fields.integer("axis", 0, kMaxAxes);
      code.count = fields.integer("count", 0, kMaxElements);
      return;
    case Op::kTranspose:
      code.permutation = fields.places("permutation", kMaxAxes);
      return;
    case Op::kCausalConv1d:
      code.recurrence = fields.integer("recurrence", 0, kMaxElements);
      code.activation = read_activation(fields);
      return;
    case Op::kSelectiveScan:
      code.recurrence = fields.integer("recurrence", 0, kMaxElements);
      return;
    case Op::kUnfold:
      code.height = fields.integer("height", 1, kMaxPatch);
      code.width = fields.integer("width", 1, kMaxPatch);
      return;
    case Op::kDepthwiseConv2d:
      code.padding = fields.integer("padding", 0, kMaxPatch);
      return;
    case Op::kQuantise:
    case Op::kSoftmax:
    case Op::kGatherRows:
    case Op::kExpand:
    case Op::kCopy:
      return;
  }
}

void read_named_places(const Fields& program, const char* list, std::vector<int>& places,
                       std::vector<std::string>& names) {
  const std::vector<Napi::Value> entries = program.list(list, kMost);
  for (size_t i = 0; i < entries.size(); ++i) {
    const Fields fields(entries[i], at(list, i));
    names.push_back(fields.text("name"));
    places.push_back(static_cast<int>(fields.integer("value", 0, kMostPlace)));
  }
}

}  // namespace

Spec read_spec(const Napi::Value& value) {
  const Fields program(value, "program");
  Spec spec;
  spec.name = program.text("name");
  spec.slots = static_cast<int>(program.integer("slots", 0, kMostPlace));
  const std::vector<Napi::Value> values = program.list("values", kMost);
  for (size_t i = 0; i < values.size(); ++i) {
    const Fields fields(values[i], at("values", i));
    Value read;
    read.shape = read_shape(fields, spec.dims);
    read.type = one_of(kTypes, fields.text("type"), fields.path("type"));
    read.group = fields.integer_or("group", 0, kMaxElements, 0);
    read.slot = static_cast<int>(fields.integer("slot", -1, kMostPlace));
    read.same_as = fields.place_or_none("sameAs");
    spec.values.push_back(std::move(read));
  }
  read_named_places(program, "inputs", spec.inputs, spec.input_names);
  read_named_places(program, "outputs", spec.outputs, spec.output_names);
  const std::vector<Napi::Value> weights = program.list("weights", kMost);
  for (size_t i = 0; i < weights.size(); ++i) {
    const Fields fields(weights[i], at("weights", i));
    WeightSlot weight;
    weight.name = fields.text("name");
    const std::string kind = fields.text("kind");
    weight.is_linear = one_of(std::array<std::pair<const char*, bool>, 2>{{{"linear", true}, {"tensor", false}}}, kind,
                              fields.path("kind"));
    if (!weight.is_linear) weight.value = static_cast<int>(fields.integer("value", 0, kMostPlace));
    spec.weights.push_back(std::move(weight));
  }
  const std::vector<Napi::Value> instructions = program.list("code", kMost);
  for (size_t i = 0; i < instructions.size(); ++i) {
    const Fields fields(instructions[i], at("code", i));
    Instruction code;
    code.op = read_op(fields.text("op"), fields.path("op"));
    code.in = fields.places("in", kMost);
    code.out = static_cast<int>(fields.integer("out", 0, kMostPlace));
    read_attributes(fields, code);
    spec.code.push_back(std::move(code));
  }
  return spec;
}

}  // namespace aerie::addon

#include "program/spec.h"

#include <set>

#include "error.h"
#include "program/operation.h"

namespace aerie {
namespace {

constexpr int kNone = -1;
constexpr int kMaxSlots = 1 << 20;

// Which of inputs, weights and instructions makes a value.
enum class Maker { kNobody, kInput, kWeight, kInstruction };

class Checker {
 public:
  explicit Checker(const Spec& spec)
      : spec_(spec),
        makers_(spec.values.size(), Maker::kNobody),
        is_output_(spec.values.size(), false),
        read_(spec.values.size(), false) {}

  void check() {
    if (spec_.slots < 0 || spec_.slots > kMaxSlots) {
      throw RangeError("slots is " + std::to_string(spec_.slots) + ", expected 0 to " + std::to_string(kMaxSlots));
    }
    for (size_t i = 0; i < spec_.values.size(); ++i) check_value(static_cast<int>(i));
    for (const int input : spec_.inputs) make("input", input, Maker::kInput);
    for (const WeightSlot& weight : spec_.weights) {
      if (!weight.is_linear) make("weight " + weight.name, weight.value, Maker::kWeight);
    }
    for (const int output : spec_.outputs) {
      expect_value("output", output);
      if (spec_.values[static_cast<size_t>(output)].type != Type::kF32) {
        throw TypeError("output value " + std::to_string(output) + " is not f32");
      }
      is_output_[static_cast<size_t>(output)] = true;
    }
    for (size_t i = 0; i < spec_.code.size(); ++i) {
      try {
        check_instruction(spec_.code[i]);
      } catch (const TypeError& error) {
        throw TypeError(where(i) + error.what());
      }
    }
    for (const int output : spec_.outputs) {
      if (makers_[static_cast<size_t>(output)] != Maker::kInstruction) {
        throw TypeError("output value " + std::to_string(output) + " is made by no instruction");
      }
      if (spec_.values[static_cast<size_t>(output)].slot == kNone && read_[static_cast<size_t>(output)]) {
        throw TypeError("output value " + std::to_string(output) + " is read by instructions and has no slot");
      }
    }
  }

 private:
  std::string where(size_t i) const {
    return "instruction " + std::to_string(i) + " (" + op_name(spec_.code[i].op) + "): ";
  }

  void expect_value(const std::string& what, int value) const {
    if (value >= 0 && static_cast<size_t>(value) < spec_.values.size()) return;
    throw TypeError(what + " is value " + std::to_string(value) + ", of which there are " +
                    std::to_string(spec_.values.size()));
  }

  void check_value(int place) const {
    const Value& value = spec_.values[static_cast<size_t>(place)];
    const std::string what = "value " + std::to_string(place);
    if (value.slot < kNone || value.slot >= spec_.slots) {
      throw TypeError(what + " has slot " + std::to_string(value.slot) + ", of which there are " +
                      std::to_string(spec_.slots));
    }
    if (value.group < 0 || value.group > kMaxElements) throw TypeError(what + " has a group that is out of range");
    if (value.type == Type::kQ8 && value.shape.empty()) throw TypeError(what + " of 8 bits is a scalar");
    if (value.same_as == kNone) return;
    // Only earlier ones, so that no circle is possible.
    if (value.same_as < 0 || value.same_as >= place) {
      throw TypeError(what + " is the same as value " + std::to_string(value.same_as) + ", which is not before it");
    }
    const Value& other = spec_.values[static_cast<size_t>(value.same_as)];
    if (other.type != value.type || value.type == Type::kQ8) {
      throw TypeError(what + " and the one that it is the same as are not both f32 or both i32");
    }
  }

  void make(const std::string& what, int place, Maker maker) {
    expect_value(what, place);
    Maker& before = makers_[static_cast<size_t>(place)];
    const Value& value = spec_.values[static_cast<size_t>(place)];
    if (before != Maker::kNobody || value.same_as != kNone) {
      throw TypeError(what + ": value " + std::to_string(place) + " comes from somewhere else already");
    }
    if (maker != Maker::kInstruction && value.type == Type::kQ8) {
      throw TypeError(what + ": value " + std::to_string(place) + " of 8 bits is made by quantise alone");
    }
    before = maker;
  }

  void read(const char* what, int place) {
    expect_value(what, place);
    const int root = root_of(spec_, place);
    if (makers_[static_cast<size_t>(root)] == Maker::kNobody) {
      throw TypeError(std::string(what) + ": value " + std::to_string(place) + " is not made before it is read");
    }
    read_[static_cast<size_t>(root)] = true;
  }

  void check_instruction(const Instruction& code) {
    const Operation& operation = operation_of(code.op);
    if (code.in.size() < operation.least_inputs || code.in.size() > operation.most_inputs) {
      throw TypeError("has " + std::to_string(code.in.size()) + " inputs, expected " +
                      std::to_string(operation.least_inputs) + " to " + std::to_string(operation.most_inputs));
    }
    for (const int place : code.in) read("in", place);
    if (code.bias != kNone) read("bias", code.bias);
    if (code.multiply != kNone) read("multiply", code.multiply);
    if (code.residual != kNone) read("residual", code.residual);
    if (code.sinks != kNone) read("sinks", code.sinks);
    if (code.floats != kNone) read("floats", code.floats);
    if ((code.op == Op::kCausalConv1d || code.op == Op::kSelectiveScan) &&
        !recurrences_.insert(code.recurrence).second) {
      throw TypeError("recurrence " + std::to_string(code.recurrence) + " is another instruction's already");
    }
    if (code.op == Op::kLinear && (code.linear < 0 || static_cast<size_t>(code.linear) >= spec_.weights.size() ||
                                   !spec_.weights[static_cast<size_t>(code.linear)].is_linear)) {
      throw TypeError("linear is weight " + std::to_string(code.linear) + ", which is no packed linear");
    }
    make("out", code.out, Maker::kInstruction);
    const Value& out = spec_.values[static_cast<size_t>(code.out)];
    if (out.slot == kNone && (!is_output_[static_cast<size_t>(code.out)] || leaves_something(code.op))) {
      throw TypeError("out: value " + std::to_string(code.out) + " has no slot");
    }
    for (const int place : code.in) check_apart(out, place);
    for (const int place : {code.bias, code.multiply, code.residual, code.sinks, code.floats}) {
      if (place != kNone) check_apart(out, place);
    }
  }

  void check_apart(const Value& out, int read) const {
    const int slot = spec_.values[static_cast<size_t>(root_of(spec_, read))].slot;
    if (slot != kNone && slot == out.slot) {
      throw TypeError("out has slot " + std::to_string(slot) + " as value " + std::to_string(read) +
                      ", which it reads");
    }
  }

  const Spec& spec_;
  std::vector<Maker> makers_;
  std::vector<bool> is_output_;
  std::vector<bool> read_;
  std::set<int64_t> recurrences_;
};

}  // namespace

int root_of(const Spec& spec, int value) {
  while (spec.values[static_cast<size_t>(value)].same_as >= 0) value = spec.values[static_cast<size_t>(value)].same_as;
  return value;
}

void check_spec(const Spec& spec) { Checker(spec).check(); }

}  // namespace aerie

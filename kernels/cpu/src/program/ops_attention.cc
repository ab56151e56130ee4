// Attention over the cache, and among the tokens of a picture.
#include <algorithm>
#include <cstring>

#include "error.h"
#include "program/attend.h"
#include "program/operation.h"

namespace aerie {
namespace {

constexpr double kWriteCost = 2;

void check_f32(const Operands& o) {
  expect_type(o.in(0), Type::kF32, "q");
  expect_type(o.in(1), Type::kF32, "k");
  expect_type(o.in(2), Type::kF32, "v");
  expect_type(o.out(), Type::kF32, "out");
  expect_shape(o.out(), o.in(0).shape, "out");
  expect_shape(o.in(2), o.in(1).shape, "v");
}

int64_t up_to(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// Lays the keys and values of one batch element out as the kernels read them: one block a head.
KvView pack(const Operands& o, Machine& m, int64_t batch, int64_t head_dim) {
  const AttentionKernels& kernels = m.ops->attention;
  const Shape& shape = o.in(1).shape;
  const int64_t tokens = shape.dims[1], width = shape.dims[2];
  const int64_t slots = up_to(tokens, kKeyPanel);
  const int64_t value_width = up_to(head_dim, kernels.lanes);
  const int64_t key_bytes = up_to(slots * head_dim * 4, 64);
  const int64_t head_bytes = key_bytes + up_to(slots * value_width * 4, 64);
  const KvView kv = {
      .type = KvType::kF32,
      .blocks = m.scratch.require(static_cast<size_t>(head_bytes * o.code.heads), "keys and values"),
      .block_bytes = head_bytes,
      .block_size = slots,
      .keys = 0,
      .values = key_bytes,
      .key_scales = 0,
      .value_scales = 0,
      .head_dim = head_dim,
      .value_width = value_width,
  };
  split(*m.pool, o.code.heads, kWriteCost * static_cast<double>(tokens * head_dim), [&](int64_t begin, int64_t end) {
    for (int64_t head = begin; head < end; ++head) {
      KvView own = kv;
      own.blocks += head * head_bytes;
      if (value_width > head_dim) {
        std::memset(own.blocks + own.values, 0, static_cast<size_t>(head_bytes - key_bytes));
      }
      const int32_t table = 0;
      const int64_t at = batch * tokens * width + head * head_dim;
      kernels.write(own, &table, 0, tokens, o.in(1).f32() + at, o.in(2).f32() + at, width);
    }
  });
  return kv;
}

// Writes the run's keys and values to its sequences' blocks.
void append(const Operands& o, Machine& m) {
  const int64_t width = o.in(1).shape.last();
  // A task is some positions of one sequence, of all heads; a panel's neighbours are written by one thread.
  struct Piece {
    const SequenceRow* row;
    int64_t begin;
    int64_t end;
  };
  std::vector<Piece> pieces;
  for (const SequenceRow& row : m.rows) {
    for (int64_t begin = 0; begin < row.count;) {
      const int64_t end = std::min(row.count, (row.past + begin) / kTile * kTile + kTile - row.past);
      pieces.push_back({&row, begin, end});
      begin = end;
    }
  }
  const int64_t count = static_cast<int64_t>(pieces.size());
  const double cost =
      kWriteCost * static_cast<double>(m.tokens * width) / static_cast<double>(std::max<int64_t>(count, 1));
  split(*m.pool, count, cost, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      const Piece& piece = pieces[static_cast<size_t>(i)];
      for (int64_t head = 0; head < o.code.kv_heads; ++head) {
        const int64_t at = (piece.row->first_token + piece.begin) * width + head * o.code.head_dim;
        m.ops->attention.write(m.kv->view(o.code.layer, head), piece.row->table, piece.row->past + piece.begin,
                               piece.end - piece.begin, o.in(1).f32() + at, o.in(2).f32() + at, width);
      }
    }
  });
}

// Neighbouring queries of one sequence whose tokens follow each other.
struct QueryRun {
  const SequenceRow* row;
  int64_t first_query;
  int64_t first_position;
  int64_t count;
};

std::vector<QueryRun> query_runs(const Operands& o, const Machine& m, int64_t longest) {
  const int64_t queries = o.in(0).shape.dims[0];
  const int32_t* tokens = o.code.in.size() > 3 ? o.in(3).i32() : nullptr;
  std::vector<QueryRun> runs;
  for (int64_t query = 0; query < queries; ++query) {
    const int64_t token = tokens ? tokens[query] : query;
    if (token < 0 || token >= m.tokens) {
      throw RangeError("query " + std::to_string(query) + " is token " + std::to_string(token) +
                       ", of which there are " + std::to_string(m.tokens));
    }
    const auto after = std::upper_bound(m.rows.begin(), m.rows.end(), token,
                                        [](int64_t t, const SequenceRow& row) { return t < row.first_token; });
    // Rows of no tokens start where the next one does, so the last that starts at or before the token has it.
    const SequenceRow* row = &*(after - 1);
    const int64_t position = row->past + token - row->first_token;
    if (!runs.empty() && runs.back().row == row && runs.back().count < longest &&
        runs.back().first_position + runs.back().count == position) {
      ++runs.back().count;
    } else {
      runs.push_back({row, query, position, 1});
    }
  }
  return runs;
}

}  // namespace

void check_attention(const Operands& o, const Machine&) {
  check_f32(o);
  const Shape& q = o.in(0).shape;
  const Shape& k = o.in(1).shape;
  expect(q.rank == 3 && k.rank == 3, "q and k are not [batch, tokens, channels]");
  expect(q.dims[0] == k.dims[0] && q.dims[2] == k.dims[2], "q and k have different batches or channels");
  expect(o.code.heads > 0 && o.code.heads <= q.dims[2] && q.dims[2] % o.code.heads == 0,
         "heads does not divide the channels");
  expect(q.dims[2] / o.code.heads <= kMaxHeadDim, "a head has more than 256 channels");
}

void run_attention(const Operands& o, Machine& m) {
  const Shape& q = o.in(0).shape;
  const int64_t batch = q.dims[0], queries = q.dims[1], width = q.dims[2];
  const int64_t keys = o.in(1).shape.dims[1];
  const int64_t head_dim = width / o.code.heads;
  static const int32_t kOnlyBlock = 0;
  std::vector<AttentionTask> tasks;
  Buffer parts;
  for (int64_t b = 0; b < batch && queries > 0; ++b) {
    const KvView kv = pack(o, m, b, head_dim);
    tasks.clear();
    for (int64_t head = 0; head < o.code.heads; ++head) {
      KvView own = kv;
      own.blocks += head * kv.block_bytes;
      for (int64_t query = 0; query < queries; query += kMaxRows) {
        const int64_t at = (b * queries + query) * width + head * head_dim;
        tasks.push_back({
            .kv = own,
            .table = &kOnlyBlock,
            .q = o.in(0).f32() + at,
            .y = o.out().f32() + at,
            .stride = width,
            .queries = std::min(kMaxRows, queries - query),
            .group = 1,
            .is_causal = false,
            .first_position = 0,
            .window = 0,
            .keys = keys,
            .sinks = nullptr,
        });
      }
    }
    attend(*m.pool, m.ops->attention, tasks, {o.code.scale, o.code.soft_cap}, parts);
  }
}

void check_kv_attention(const Operands& o, const Machine& m) {
  check_f32(o);
  const Instruction& code = o.code;
  const Shape& q = o.in(0).shape;
  const Shape& k = o.in(1).shape;
  expect(q.rank == 2 && k.rank == 2, "q and k are not [tokens, channels]");
  expect(code.head_dim > 0 && code.head_dim <= kMaxHeadDim, "headDim is not 1 to 256");
  expect(code.heads > 0 && code.kv_heads > 0 && code.kv_heads <= code.heads && code.heads % code.kv_heads == 0,
         "kvHeads does not divide heads");
  expect(code.heads <= kMaxElements / kMaxHeadDim && q.dims[1] == code.heads * code.head_dim,
         "q is not [queries, heads · headDim]");
  expect(k.dims[1] == code.kv_heads * code.head_dim, "k is not [tokens, kvHeads · headDim]");
  expect(code.window >= 0 && code.layer >= 0, "window or layer is negative");
  if (code.in.size() > 3) {
    expect_type(o.in(3), Type::kI32, "queryTokens");
    expect(o.in(3).shape.size == q.dims[0], "queryTokens are not one for each query");
  } else {
    expect(q.dims[0] == k.dims[0], "q has other tokens than k, and no queryTokens say which");
  }
  if (const Tensor* sinks = o.optional(code.sinks)) expect_vector(*sinks, code.heads, "sinks");
  if (!m.kv) return;
  const KvStore::Options& store = m.kv->options();
  if (code.layer >= store.layers || code.kv_heads != store.kv_heads || code.head_dim != store.head_dim) {
    throw TypeError("layer " + std::to_string(code.layer) + " of " + std::to_string(code.kv_heads) + " heads of " +
                    std::to_string(code.head_dim) + " is not in the KV store of " + std::to_string(store.layers) +
                    " layers, " + std::to_string(store.kv_heads) + " heads of " + std::to_string(store.head_dim));
  }
  if (k.dims[0] != m.tokens) {
    throw TypeError("k has " + std::to_string(k.dims[0]) + " tokens, the run's rows have " + std::to_string(m.tokens));
  }
}

void run_kv_attention(const Operands& o, Machine& m) {
  const Instruction& code = o.code;
  append(o, m);
  const int64_t group = code.heads / code.kv_heads;
  // Heads of one group share what is read; very many are cut.
  const int64_t heads_a_task = std::min(group, kMaxRows);
  const int64_t width = code.heads * code.head_dim;
  const Tensor* sinks = o.optional(code.sinks);
  std::vector<AttentionTask> tasks;
  for (const QueryRun& run : query_runs(o, m, kMaxRows / heads_a_task)) {
    for (int64_t kv_head = 0; kv_head < code.kv_heads; ++kv_head) {
      for (int64_t first = 0; first < group; first += heads_a_task) {
        const int64_t head = kv_head * group + first;
        const int64_t at = run.first_query * width + head * code.head_dim;
        tasks.push_back({
            .kv = m.kv->view(code.layer, kv_head),
            .table = run.row->table,
            .q = o.in(0).f32() + at,
            .y = o.out().f32() + at,
            .stride = width,
            .queries = run.count,
            .group = std::min(heads_a_task, group - first),
            .is_causal = true,
            .first_position = run.first_position,
            .window = code.window,
            .keys = 0,
            .sinks = sinks ? sinks->f32() + head : nullptr,
        });
      }
    }
  }
  attend(*m.pool, m.ops->attention, tasks, {code.scale, code.soft_cap}, m.scratch);
}

}  // namespace aerie

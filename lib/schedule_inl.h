#pragma once

#include "lib/schedule.h"

namespace ringfold {

template <typename Read, typename Made>
void visit_operands(const Program& program, const Operation& operation, Read&& read, Made&& made) {
  struct Visitor {
    const Program& program;
    Read& read;
    Made& made;

    void operator()(const Exchange& exchange) {
      for (const Send& send : exchange.sends) read(send.view);
      for (const Receive& receive : exchange.receives) made(receive.block);
    }
    void operator()(const Attend& attend) {
      read(attend.q);
      for (const View& view : attend.kv) read(view);
      if (attend.state_in != kNoBlock) {
        const Block& state = program.blocks[static_cast<size_t>(attend.state_in)];
        read(View{attend.state_in, state.tokens, state.heads});
      }
      made(attend.state);
    }
    void operator()(const Merge& merge) {
      for (const View& view : merge.parts) read(view);
      made(merge.state);
    }
    void operator()(const Copy& copy) {
      for (const View& view : copy.parts) read(view);
      made(copy.block);
    }
    void operator()(const Rotate& rotate) {
      read(rotate.source);
      made(rotate.block);
    }
    void operator()(const Project& project) {
      read(project.source);
      read(project.weights);
      made(project.block);
    }
    void operator()(const Finish& finish) {
      read(finish.state);
      made(finish.out);
      made(finish.lse);
    }
  };
  std::visit(Visitor{program, read, made}, operation);
}

}  // namespace ringfold

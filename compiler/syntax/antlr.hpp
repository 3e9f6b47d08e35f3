// The one place where ANTLR's headers and the generated parser enter; for the sources of this folder only.
#pragma once

#include <antlr4-runtime.h>

#include "NodeLexer.h"
#include "NodeParser.h"

namespace nodec::syntax {

using Lexer = grammar::NodeLexer;
using Parser = grammar::NodeParser;

}  // namespace nodec::syntax

// The syntax of a `.node` file. What stands where (a `state` in a model, say) is checked by semantics, so that the
// message can be about the model; here one rule, `declaration`, serves all bodies.
parser grammar NodeParser;

options { tokenVocab = NodeLexer; }

// ---- entries ---------------------------------------------------------------------------------------------
// A file is a sequence of statements; the parser asks for them one by one.
file : statement* EOF ;
expressionFile : expression SEPARATOR EOF ;

// Errors are reported and recovered from at a statement's end.
statement : declaration SEPARATOR ;
body : LEFT_BRACE statement* RIGHT_BRACE ;

// ---- declarations ----------------------------------------------------------------------------------------
declaration
  : use
  | dim
  | constant
  | parameters
  | function
  | layer
  | field
  | model
  | tableau
  | instance
  | variables
  | samples
  | let
  | apply
  | equation
  | algebraicEquation
  | diffusion
  | event
  | output
  | metric
  | loss
  | train
  ;

use : USE (name | STRING) (AS name)? ;
dim : DIM dimItem (COMMA dimItem)* ;
dimItem : name (ASSIGN expression)? ;
constant : CONST name (COLON type)? (ASSIGN expression)? ;
parameters : PARAM parameter (COMMA parameter)* ;
parameter : name COLON type (ASSIGN expression | TILDE operand)? ;
variables : (STATE | INPUT | DATA) variable (COMMA variable)* ;
variable : name COLON type (ASSIGN expression)? ;
samples : SAMPLE sample (COMMA sample)* ;
sample : name (COLON type)? (TILDE operand)? ;
instance : (LAYER | FIELD) name (LEFT_BRACKET name RIGHT_BRACKET)? ASSIGN operand iterationOfOne? ;

function : FN name shapeVariables? formals definition ;
apply : APPLY shapeVariables? formals definition ;
layer : LAYER name formals body ;
field : FIELD name formals? body ;
model : MODEL name body ;
tableau : TABLEAU name options_ ;
train : TRAIN options_ ;

let : LET target ASSIGN expression ;
equation : name PRIME+ ASSIGN expression ;        // z' = …
algebraicEquation : NUMBER ASSIGN expression ;    // 0 = g
diffusion : DIFFUSION name ASSIGN expression ;
event : EVENT operand ASSIGN operand (RISING | FALLING)? iterationOfOne? effects ;
effects : LEFT_BRACE (effect SEPARATOR)* RIGHT_BRACE ;
effect : STOP | target ASSIGN expression ;
output : OUTPUT name (ASSIGN expression)? ;
metric : METRIC name ASSIGN expression ;
loss : LOSS expression ;

options_ : LEFT_BRACE (option (COMMA | SEPARATOR)+)* RIGHT_BRACE ;
option : optionPath ASSIGN expression ;
optionPath : name (DOT name | LEFT_BRACKET NUMBER RIGHT_BRACKET)* ;

// ---- functions -------------------------------------------------------------------------------------------
shapeVariables : LEFT_BRACKET name (COMMA name)* RIGHT_BRACKET ;
formals : LEFT_PAREN (formal (COMMA formal)*)? RIGHT_PAREN ;
formal : name (COLON formalType)? (ASSIGN expression)? ;
formalType : DIM (LEFT_BRACKET RIGHT_BRACKET)? | FN | LAYER | type ;
definition : ASSIGN expression | block ;
block : LEFT_BRACE (let SEPARATOR)* RETURN expression SEPARATOR RIGHT_BRACE ;
target : name PRIME* | LEFT_PAREN name (COMMA name)+ RIGHT_PAREN ;

// ---- types -----------------------------------------------------------------------------------------------
type : (REAL | INT) shape? (IN bounds)? ;
shape : LEFT_BRACKET expression (COMMA expression)* RIGHT_BRACKET ;
bounds
  : LEFT_PAREN expression COMMA expression RIGHT_PAREN  // an open interval
  | operand DOT_DOT operand                             // a range without its end
  ;

// ---- expressions -----------------------------------------------------------------------------------------
// What binds loosest stands in parentheses where an operand is wanted.
expression
  : IF expression THEN expression ELSE expression                      # conditional
  | SOLVE operand clause*                                              # solve
  | (FOLD | SCAN) target FROM expression FOR iteration block           # loop
  | operand                                                            # plain
  ;

clause
  : FROM operand
  | TO operand
  | AT operand
  | BY method
  | ADJOINT method
  | WITH LOGDET method?
  ;
method : name arguments? ;

iteration : variableIn (COMMA variableIn)* ;
iterationOfOne : FOR variableIn ;
variableIn : name IN range ;
range : operand (DOT_DOT operand)? ;
comprehension : FOR iteration (IF operand)? ;

// The order of the alternatives is the precedence, tightest first. That comparisons do not chain is checked when
// the tree is built.
operand
  : operand LEFT_BRACKET index (COMMA index)* RIGHT_BRACKET            # indexed
  | operand DOT name                                                   # member
  | operand arguments                                                  # call
  | <assoc = right> operand op = POWER operand                         # binary
  | op = (MINUS | PLUS) operand                                        # unary
  | operand op = (STAR | SLASH | FLOOR_DIVIDE | PERCENT | MATMUL) operand                          # binary
  | operand op = (PLUS | MINUS) operand                                # binary
  | operand op = (LESS | LESS_EQUAL | GREATER | GREATER_EQUAL | EQUAL | NOT_EQUAL) operand         # binary
  | op = NOT operand                                                   # unary
  | operand op = AND operand                                           # binary
  | operand op = OR operand                                            # binary
  | name PRIME*                                                        # nameUse
  | NUMBER                                                             # number
  | STRING                                                             # string
  | LEFT_BRACKET (expression (comprehension | (COMMA expression)* COMMA?))? RIGHT_BRACKET          # stack
  | LEFT_PAREN expression (COMMA expression)* RIGHT_PAREN              # parentheses
  ;

index : operand? COLON operand? | operand ;
arguments : LEFT_PAREN (argument (COMMA argument)* COMMA?)? RIGHT_PAREN ;
argument : name PRIME* ASSIGN expression | expression comprehension? ;

// Every word of the lexer's second group.
name
  : NAME | USE | AS | DIM | LAYER | FIELD | TABLEAU | MODEL | STATE | INPUT | DATA | SAMPLE | APPLY | OUTPUT | METRIC
  | LOSS | TRAIN | DIFFUSION | EVENT | RISING | FALLING | STOP | LOGDET | REAL | INT
  ;

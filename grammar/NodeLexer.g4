// The words of a `.node` file.
//
// What becomes of NEWLINE and ';' is the business of compiler/syntax/layout.cpp: it drops those that end no statement
// and turns the others into SEPARATOR, so that in the parser's grammar every statement ends with exactly one.
//   - A newline counts only where the innermost open bracket is '{', or none is.
//   - A line goes on after an operator, a comma and any word or sign that cannot end a statement, and where the next
//     line begins with a binary operator or one of: then else from to at by with adjoint for.
//   - A separator is put before '}' and the end of the file; empty statements vanish.
lexer grammar NodeLexer;

tokens { SEPARATOR }

// Reserved words: never names.
IF : 'if' ;
THEN : 'then' ;
ELSE : 'else' ;
AND : 'and' ;
OR : 'or' ;
NOT : 'not' ;
FOR : 'for' ;
IN : 'in' ;
SOLVE : 'solve' ;
FOLD : 'fold' ;
SCAN : 'scan' ;
FROM : 'from' ;
TO : 'to' ;
AT : 'at' ;
BY : 'by' ;
WITH : 'with' ;
ADJOINT : 'adjoint' ;
LET : 'let' ;
PARAM : 'param' ;
CONST : 'const' ;
FN : 'fn' ;
RETURN : 'return' ;

// Words that are keywords where the parser's grammar asks for them, and names elsewhere (its rule `name`).
USE : 'use' ;
AS : 'as' ;
DIM : 'dim' ;
LAYER : 'layer' ;
FIELD : 'field' ;
TABLEAU : 'tableau' ;
MODEL : 'model' ;
STATE : 'state' ;
INPUT : 'input' ;
DATA : 'data' ;
SAMPLE : 'sample' ;
APPLY : 'apply' ;
OUTPUT : 'output' ;
METRIC : 'metric' ;
LOSS : 'loss' ;
TRAIN : 'train' ;
DIFFUSION : 'diffusion' ;
EVENT : 'event' ;
RISING : 'rising' ;
FALLING : 'falling' ;
STOP : 'stop' ;
LOGDET : 'logdet' ;
REAL : 'real' ;
INT : 'int' ;

// A decimal point has digits on both sides, so that `0..10` is a range.
NUMBER : DIGIT+ ('.' DIGIT+)? ([eE] [+\-]? DIGIT+)? ;
fragment DIGIT : [0-9] ;
STRING : '"' ~["\r\n]* '"' ;
OPEN_STRING : '"' ~["\r\n]* ;  // an error, reported by name
// Letters of any script, and subscript digits: θ, Δt, W₁.
NAME : ([_a-zA-Z] | LETTER) ([_a-zA-Z0-9] | LETTER | MARK)* ;
// Unicode's classes are thousands of ranges, which would be read anew at every start. The character stream of
// compiler/syntax/lexer.cpp gives one character for each class instead.
fragment LETTER : '\u00AA' ;  // category L
fragment MARK : '\u0300' ;    // categories M and Nd, and subscript digits
fragment BLANK : '\u00A0' ;   // category Zs
PRIME : '\'' | '\u2032' ;

DOT_DOT : '..' ;
DOT : '.' ;
COMMA : ',' ;
COLON : ':' ;
SEMICOLON : ';' ;
TILDE : '~' ;
LEFT_PAREN : '(' ;
RIGHT_PAREN : ')' ;
LEFT_BRACKET : '[' ;
RIGHT_BRACKET : ']' ;
LEFT_BRACE : '{' ;
RIGHT_BRACE : '}' ;

ASSIGN : '=' ;
EQUAL : '==' ;
NOT_EQUAL : '!=' ;
LESS : '<' ;
LESS_EQUAL : '<=' ;
GREATER : '>' ;
GREATER_EQUAL : '>=' ;
PLUS : '+' ;
MINUS : '-' ;
STAR : '*' ;
SLASH : '/' ;
FLOOR_DIVIDE : '//' ;
PERCENT : '%' ;
MATMUL : '@' ;
POWER : '^' ;

NEWLINE : '\n' ;
COMMENT : '#' ~[\n]* -> skip ;
SPACE : ([ \t\r\f] | BLANK)+ -> skip ;
UNKNOWN : . ;  // an error, reported by name

/* rules/vsl/opcode.h: the instructions of the VM. No guard: each inclusion defines OPCODE first.
 *
 * A word is op:8 | a:8 | b:16, or op:8 | A:24 (signed for jumps, which count from the next word).
 * The second column is what an instruction does to the height of the stack (VARIES: by its
 * operands). "slot" counts from the frame's base, "k" is a constant. Values on the stack are owned.
 */
/* clang-format off */
OPCODE(CONST, 1)         /* A k */
OPCODE(INT, 1)           /* A the number, signed */
OPCODE(UNIT, 1)
OPCODE(TRUE, 1)
OPCODE(FALSE, 1)
OPCODE(POP, -1)
OPCODE(GET, 1)           /* A slot */
OPCODE(SET, -1)          /* A slot: assigns, also to a shared variable */
OPCODE(INIT, -1)         /* A slot: a new variable */
OPCODE(CLEAR, 0)         /* a how many, b first slot: variables whose block ended */
OPCODE(THIS, 1)
OPCODE(GLOBAL, 1)        /* A number of a constant of this file */
OPCODE(GLOBAL_SET, -1)   /* A */
OPCODE(MEMBER, 0)        /* A k: module -> its exported value */
OPCODE(SUBMODULE, 0)     /* A k */
OPCODE(NO_ASSIGN, -1)    /* A k: raises ErrorAssignmentToConstant */

/* Binary operators. _SS: both on the stack; L: a slot, K: a constant, a left and b right. */
#define OPCODE_BINARY(name)                                                                        \
  OPCODE(name##_SS, -1) OPCODE(name##_LL, 1) OPCODE(name##_LK, 1) OPCODE(name##_SL, 0)             \
  OPCODE(name##_SK, 0)
OPCODE_BINARY(ADD)
OPCODE_BINARY(SUB)
OPCODE_BINARY(MUL)
OPCODE_BINARY(DIV)
OPCODE_BINARY(MOD)
OPCODE_BINARY(EQ)
OPCODE_BINARY(NE)
OPCODE_BINARY(LT)
OPCODE_BINARY(LE)
OPCODE_BINARY(GT)
OPCODE_BINARY(GE)
#undef OPCODE_BINARY
OPCODE(BINARY, -1)       /* A enum value_op: all others */
OPCODE(UNARY, 0)         /* A */

OPCODE(JUMP, 0)
OPCODE(LOOP, 0)          /* a jump back: counts a step */
OPCODE(JUMP_FALSE, -1)   /* the condition must be a bool; likewise */
OPCODE(JUMP_TRUE, -1)
OPCODE(AND, -1)          /* false stays and jumps, true goes */
OPCODE(OR, -1)
OPCODE(BOOL, 0)          /* the top must be a bool */
OPCODE(COALESCE, -1)     /* () goes, all else stays and jumps */

OPCODE(ADD_TO, -1)       /* A slot += the top */
OPCODE(ADD_TO_K, 0)      /* a k, b slot */
OPCODE(SUB_TO_K, 0)
OPCODE(COMPOUND, -1)     /* a enum value_op, b slot */

/* Paths: a variable and what to do from there. The word is op | a steps | b.low enum path_root |
 * b.high extra; the next holds the slot; then a word a step, see enum path_step. Keys of the steps
 * lie on the stack in order, under them the root if it is PATH_TEMP. */
OPCODE(PATH_GET, VARIES)
OPCODE(PATH_SET, VARIES)      /* the value lies below all */
OPCODE(PATH_COMPOUND, VARIES) /* extra: enum value_op; likewise */
OPCODE(PATH_TEST, 0)          /* `?.`: of () drops all and pushes (); else skips the jump behind */
OPCODE(INVOKE, VARIES)        /* path.name(args): extra argc; last: k name, function, natives */
OPCODE(INDEX_LL, 1)           /* a slot, b slot */
OPCODE(INDEX_SET_LL, -1)
OPCODE(PROPERTY_L, 1)         /* a slot, b k; next word: set of natives */

OPCODE(CALL_FN, VARIES)       /* a argc, b function of this file */
OPCODE(CALL_NATIVE, VARIES)   /* a argc, b set of natives */
OPCODE(CALL_PRELUDE, VARIES)  /* a argc, b function of the prelude */
OPCODE(CALL_MEMBER, VARIES)   /* a argc, b k: the module lies below the arguments */
OPCODE(NO_FUNCTION, VARIES)   /* a argc, b k: raises ErrorFunctionNotFound */
OPCODE(CLOSURE, 1)            /* A proto */
OPCODE(IS_SHARED, 1)          /* A slot */
OPCODE(ARRAY, VARIES)         /* A: makes one of so many from the stack */
OPCODE(ARRAY_ADD, VARIES)     /* A: appends so many to the one below */
OPCODE(MAP, 1)                /* A: expected size */
OPCODE(MAP_SET, -1)           /* A k */
OPCODE(TEXT, -1)              /* appends the top's text to the string below */

OPCODE(SWITCH, 0)             /* A table: value and progress in its slots; jumps */
OPCODE(FOR, -1)               /* A first of the loop's slots */
OPCODE(FOR_NEXT, 0)           /* a 1: with index, b first slot; next word: jump at the end */
OPCODE(TRY, 0)                /* A jump to the catch */
OPCODE(TRY_END, 0)
OPCODE(CATCH, -1)             /* A slot of the error, then of the name */
OPCODE(THROW, -1)
OPCODE(RETHROW, 0)            /* A slot of the error */
OPCODE(RETURN, -1)
OPCODE(IMPORT, 1)             /* A number of the module */
OPCODE(IMPORT_PATH, 0)        /* the path is computed */
OPCODE(EXPORT, -1)            /* A k */
/* clang-format on */

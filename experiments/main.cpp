#include "experiments/cli.h"

int main(int argc, char** argv) { return ringfold::run_program(argc, argv); }

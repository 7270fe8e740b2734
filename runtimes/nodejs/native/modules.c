#include "natives.h"

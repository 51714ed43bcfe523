#include "core/json/document.h"

#include <gtest/gtest.h>

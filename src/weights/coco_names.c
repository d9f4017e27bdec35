/* SPDX-License-Identifier: Apache-2.0
 * COCO's categories in English, by their numbers (cocodataset.org): 90, of which ten were never
 * used, after the background that detectors have in front. */
#include "weights/weights.h"

/* clang-format off */
static const char names[] =
    "background\nperson\nbicycle\ncar\nmotorcycle\nairplane\nbus\ntrain\ntruck\nboat\n"
    "traffic light\nfire hydrant\n?\?\?\nstop sign\nparking meter\nbench\nbird\ncat\ndog\nhorse\n"
    "sheep\ncow\nelephant\nbear\nzebra\ngiraffe\n?\?\?\nbackpack\numbrella\n?\?\?\n?\?\?\n"
    "handbag\ntie\nsuitcase\nfrisbee\nskis\nsnowboard\nsports ball\nkite\nbaseball bat\n"
    "baseball glove\nskateboard\nsurfboard\ntennis racket\nbottle\n?\?\?\nwine glass\ncup\nfork\n"
    "knife\nspoon\nbowl\nbanana\napple\nsandwich\norange\nbroccoli\ncarrot\nhot dog\npizza\n"
    "donut\ncake\nchair\ncouch\npotted plant\nbed\n?\?\?\ndining table\n?\?\?\n?\?\?\ntoilet\n"
    "?\?\?\ntv\nlaptop\nmouse\nremote\nkeyboard\ncell phone\nmicrowave\noven\ntoaster\nsink\n"
    "refrigerator\n?\?\?\nbook\nclock\nvase\nscissors\nteddy bear\nhair drier\ntoothbrush\n";
/* clang-format on */

const char *mn_coco_labels(void) { return names; }

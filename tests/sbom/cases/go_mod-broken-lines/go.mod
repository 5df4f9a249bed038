module example.org/shop
require example.org/auth 1.4.0
require example.org/fine v1.0.0
replace example.org/fine =>
unknown thing

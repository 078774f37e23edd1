# Leaves out the stages that build: the image `build` has what they make.
/^FROM / { skipped = / AS (build|rust)$/ }
!skipped { print }

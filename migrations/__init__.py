"""Schemas of the two local databases, as steps that sqlite-utils applies in order.

`catalog`: what is stored where; a cache that `bakup rebuild` makes again from the target alone.
`state`: what a target cannot give back; never touched by a rebuild.
"""

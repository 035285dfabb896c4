"""l05 is false where width does not help, or a wide network is not small in effect."""

from simplebias.claims.l05_wider_trains_easier import LADDER


def failing(claim, data):
    return [one.what for one in claim.check({LADDER: data}).criteria if not one.holds]


def test_widths_in_the_wrong_order_are_false(smoke):
    claim, evidence = smoke("l05")
    data = evidence[LADDER]
    turned = data.assign(
        loss=data["loss"].transpose("width", ...).copy(data=data["loss"].transpose("width", ...)[::-1])
    )
    assert len(failing(claim, turned)) == 2


def test_widths_that_all_end_alike_are_false(smoke):
    claim, evidence = smoke("l05")
    data = evidence[LADDER]
    same = data.assign(loss=data["loss"].copy(data=data["loss"].isel(width=[0] * data.sizes["width"]).values))
    assert len(failing(claim, same)) == 1


def test_a_wide_network_that_does_not_condense_is_false(smoke):
    claim, evidence = smoke("l05")
    data = evidence[LADDER]
    loose = data.assign(effective_features=data["effective_features"] * 10)
    assert failing(claim, loose) == ["effective orientations at the end of width 30"]

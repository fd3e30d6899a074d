"""The list of free-mail providers."""

from pql.domain.free_mail import FREE_MAIL_DOMAINS


def test_domains_are_written_as_they_are_compared() -> None:
    assert {domain.strip().lower() for domain in FREE_MAIL_DOMAINS} == FREE_MAIL_DOMAINS
    assert all("." in domain and "@" not in domain for domain in FREE_MAIL_DOMAINS)


def test_the_best_known_providers_are_listed_and_companies_are_not() -> None:
    assert {"gmail.com", "outlook.com", "gmx.de", "qq.com", "proton.me"} <= FREE_MAIL_DOMAINS
    assert not {"google.com", "microsoft.com", "example.com"} & FREE_MAIL_DOMAINS

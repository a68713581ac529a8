Feature: Who may see what

  @core
  Scenario: Another organization's row is 404, a low role 403, no token 401
    Given a signed-in captain with a boat
    When a stranger asks for the boat
    Then the answer is 404
    When a viewer of the organization renames the boat
    Then the answer is 403
    When nobody in particular asks for the boat
    Then the answer is 401

  Scenario: A reused refresh token ends its family
    Given a signed-in captain with a boat
    When the captain refreshes their session
    Then the new token works
    When the old refresh token is used again
    Then the answer is 401
    And the new token works no more
    And the new refresh token works no more

  Scenario: Five failures lock the pair, not the captain elsewhere
    Given a signed-in captain with a boat
    When somebody at "203.0.113.7" fails five times to sign in as the captain
    Then signing in there with the right password is refused for a quarter of an hour
    And the captain signs in from "198.51.100.9"
